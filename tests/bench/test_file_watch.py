"""Files that come and go, as a figure sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.bench.file_watch import FileWatch
from openclaw.clock import SystemClock


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[FileWatch]:
    watch = FileWatch(SystemClock(), tmp_path)
    yield watch
    watch.close()


def test_what_comes_and_goes_is_told_in_order(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "first").touch()
    (tmp_path / "second").touch()
    (tmp_path / "first").unlink()
    assert [(one.name, one.came) for one in watch.next()] == [("first", True), ("second", True), ("first", False)]


def test_a_file_written_aside_comes_when_it_gets_its_name(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / ".new").touch()
    (tmp_path / ".new").rename(tmp_path / "reply")
    assert [(one.directory, one.name) for one in watch.next()] == [(tmp_path, "reply")]


def test_names_that_are_waited_for_have_the_time_at_which_they_came(watch: FileWatch, tmp_path: Path) -> None:
    before = SystemClock().monotonic()
    for name in ("other", "a", "b"):
        (tmp_path / name).touch()
    seen = watch.until_seen("b", "a")
    assert seen.keys() == {"a", "b"}
    assert all(before <= at <= SystemClock().monotonic() for at in seen.values())


def test_names_are_waited_for_until_the_last_one_has_come(tmp_path: Path) -> None:
    class Bringing(SystemClock):
        """Brings the second file as soon as the first one was told."""

        def monotonic(self) -> float:
            (tmp_path / "b").touch()
            return super().monotonic()

    with closing(FileWatch(Bringing(), tmp_path)) as watch:
        (tmp_path / "a").touch()
        assert watch.until_seen("a", "b").keys() == {"a", "b"}


def test_a_fact_is_asked_for_again_after_every_change(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    asked = 0

    def gone() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            (tmp_path / "old").unlink()
        return not (tmp_path / "old").exists()

    watch.until(gone)
    assert asked == 2


def test_a_directory_can_be_added(watch: FileWatch, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    watch.add(tmp_path / "inner")
    (tmp_path / "inner" / "file").touch()
    assert watch.until_seen("file")
