"""Waiting for files has an end, also where something changes all the time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.file_events import FileEvents


def test_what_changes_all_the_time_does_not_put_off_the_end(tmp_path: Path) -> None:
    looks = 0

    def changed() -> bool:
        nonlocal looks
        looks += 1
        (tmp_path / f"ping-{looks}").touch()
        return False

    with closing(FileEvents(tmp_path)) as events, pytest.raises(AssertionError, match="has not come about"):
        events.until(changed, 0.2)
    assert looks > 1
