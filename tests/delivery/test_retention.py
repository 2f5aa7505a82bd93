"""What is old goes; what is young, hidden or somebody's folder stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.delivery.retention import Retention
from openclaw.spool import DropDir
from tests.support.clock import FakeClock

DAY = 86_400


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[DropDir]:
    with closing(DropDir(tmp_path / "outbox")) as directory:
        yield directory


def _age(path: Path, clock: FakeClock, days: float) -> None:
    when = clock.time() - days * DAY
    os.utime(path, (when, when), follow_symlinks=False)


def test_only_what_is_older_than_the_days_is_removed(outbox: DropDir) -> None:
    clock = FakeClock()
    for name, days in (("old.json", 8), ("young.json", 6), (".hidden", 8)):
        (outbox.path / name).write_text("{}")
        _age(outbox.path / name, clock, days)
    assert Retention((outbox,), 7, clock).sweep() == 1
    assert sorted(os.listdir(outbox.path)) == [".hidden", "young.json"]


def test_links_and_pipes_are_removed_and_never_followed(outbox: DropDir, tmp_path: Path) -> None:
    clock = FakeClock()
    (tmp_path / "precious").write_text("stays")
    (outbox.path / "link.json").symlink_to(tmp_path / "precious")
    os.mkfifo(outbox.path / "pipe.json")
    for name in ("link.json", "pipe.json"):
        _age(outbox.path / name, clock, 8)
    assert Retention((outbox,), 7, clock).sweep() == 2
    assert (tmp_path / "precious").read_text() == "stays"


def test_a_folder_with_something_in_it_stays_and_the_rest_goes_on(outbox: DropDir) -> None:
    clock = FakeClock()
    (outbox.path / "folder").mkdir()
    (outbox.path / "folder" / "file").write_text("")
    (outbox.path / "old.json").write_text("{}")
    for name in ("folder", "old.json"):
        _age(outbox.path / name, clock, 8)
    assert Retention((outbox,), 7, clock).sweep() == 1
    assert os.listdir(outbox.path) == ["folder"]
