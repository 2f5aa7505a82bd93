"""What is old goes; what is young, hidden or somebody's folder stays."""

from __future__ import annotations

import os
import time
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


@pytest.fixture
def clock() -> FakeClock:
    """It is eight days after whatever the test makes; when a file came, nobody but the kernel can set."""
    return FakeClock(time=time.time() + 8 * DAY)


def test_only_what_is_older_than_the_days_is_removed(outbox: DropDir, clock: FakeClock) -> None:
    for name in ("old.json", "young.json", ".hidden"):
        (outbox.path / name).write_text("{}")
    os.utime(outbox.path / "young.json", (clock.time() - 6 * DAY,) * 2)
    assert Retention((outbox,), 7, clock).sweep() == 1
    assert sorted(os.listdir(outbox.path)) == [".hidden", "young.json"]


def test_a_file_that_was_old_when_it_came_stays_as_long_as_the_others(outbox: DropDir, tmp_path: Path) -> None:
    old = time.time() - 30 * DAY
    (tmp_path / "dropped.json").write_text("{}")
    os.utime(tmp_path / "dropped.json", (old, old))
    (tmp_path / "dropped.json").rename(outbox.path / "dropped.json")
    assert Retention((outbox,), 7, FakeClock(time=time.time())).sweep() == 0


def test_a_clock_that_jumps_ahead_makes_nothing_old_until_it_has_stayed_there_for_a_day(
    outbox: DropDir, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock(time=time.time())
    retention = Retention((outbox,), 7, clock)
    (outbox.path / "young.json").write_text("{}")
    clock.set_date(clock.time() + 3650 * DAY)
    for _ in range(23):
        clock.advance(3600)
        assert retention.sweep() == 0
    assert "3650.0 days ahead" in caplog.text
    clock.advance(3600)
    assert retention.sweep() == 1


def test_a_clock_that_is_set_right_again_was_believed_at_no_time(outbox: DropDir) -> None:
    right = time.time()
    clock = FakeClock(time=right)
    retention = Retention((outbox,), 7, clock)
    (outbox.path / "young.json").write_text("{}")
    clock.set_date(right + 3650 * DAY)
    assert retention.sweep() == 0
    clock.set_date(right)
    clock.advance(2 * DAY)
    assert retention.sweep() == 0
    clock.advance(6 * DAY)
    assert retention.sweep() == 1


def test_links_and_pipes_are_removed_and_never_followed(outbox: DropDir, tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "precious").write_text("stays")
    (outbox.path / "link.json").symlink_to(tmp_path / "precious")
    os.mkfifo(outbox.path / "pipe.json")
    assert Retention((outbox,), 7, clock).sweep() == 2
    assert (tmp_path / "precious").read_text() == "stays"


def test_a_folder_with_something_in_it_stays_and_the_rest_goes_on(outbox: DropDir, clock: FakeClock) -> None:
    (outbox.path / "folder").mkdir()
    (outbox.path / "folder" / "file").write_text("")
    (outbox.path / "old.json").write_text("{}")
    assert Retention((outbox,), 7, clock).sweep() == 1
    assert os.listdir(outbox.path) == ["folder"]
