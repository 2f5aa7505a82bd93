"""A runner on a channel of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.runner import RunnerProcess


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerProcess]:
    runner = RunnerProcess(tmp_path / "channel")
    yield runner
    runner.close()
