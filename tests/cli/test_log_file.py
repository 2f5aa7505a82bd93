"""The log as a reader sees it: its end, and what is added, over rotations."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.cli.log_file import LogFile
from openclaw.errors import OpenClawError

LINES = [f"line {number} " + "x" * (number % 97) for number in range(3000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def unread() -> Iterator[int]:
    """Standard output, as a pipe that somebody reads."""
    readers, writers = os.pipe()
    yield writers
    os.close(readers)
    os.close(writers)


def write(path: Path, lines: list[str], *, mode: str = "w") -> None:
    with path.open(mode) as file:
        file.writelines(f"{line}\n" for line in lines)


def rotate(path: Path) -> None:
    for number in (2, 1):
        if (older := Path(f"{path}.{number}")).exists():
            older.rename(f"{path}.{number + 1}")
    path.rename(f"{path}.1")


def tail(path: Path, count: int) -> list[str]:
    with closing(LogFile(path)) as log:
        return [line.decode() for line in log.tail(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 999, 2999, 3000, 5000])
def test_the_last_lines_however_many(path: Path, count: int) -> None:
    write(path, LINES)
    assert tail(path, count) == LINES[len(LINES) - min(count, len(LINES)) :]


def test_where_the_newest_file_has_too_few_the_older_ones_give_the_rest(path: Path) -> None:
    write(path, LINES[:10])
    rotate(path)
    write(path, LINES[10:20])
    rotate(path)
    write(path, LINES[20:25])
    assert tail(path, 7) == LINES[18:25]
    assert tail(path, 100) == LINES[:25]


def test_a_line_whose_end_is_not_written_counts(path: Path) -> None:
    path.write_text("one\ntwo")
    assert tail(path, 1) == ["two"]


def test_a_home_without_a_log_says_so(path: Path) -> None:
    with pytest.raises(OpenClawError, match="no service has run in this home yet"):
        tail(path, 1)


class Followed:
    """A log that is followed on a thread of its own, as fast as it is asked."""

    def __init__(self, path: Path, unread: int, count: int = 10) -> None:
        self._log = LogFile(path)
        self._log.watch()
        self.tail = self._log.tail(count)
        self._pieces = self._log.follow(unread)
        self._lines: list[bytes] = []

    def next(self, count: int) -> list[str]:
        """The next `count` lines; fails where they do not come within a minute."""
        done = threading.Event()

        def read() -> None:
            while len(self._lines) < count:
                self._lines += next(self._pieces)
            done.set()

        threading.Thread(target=read, daemon=True).start()
        assert done.wait(60), self._lines
        found, self._lines = self._lines[:count], self._lines[count:]
        return [line.decode() for line in found]


def test_what_is_added_is_told_a_line_only_when_it_is_whole(path: Path, unread: int) -> None:
    write(path, ["one"])
    log = Followed(path, unread)
    assert log.tail == [b"one"]
    write(path, ["two"], mode="a")
    assert log.next(1) == ["two"]
    with path.open("a") as file:
        file.write("thr")
        file.flush()
        file.write("ee\nfour\n")
    assert log.next(2) == ["three", "four"]


def test_a_line_that_was_half_written_at_the_beginning_is_told_once_and_whole(path: Path, unread: int) -> None:
    path.write_text("one\ntw")
    log = Followed(path, unread)
    assert log.tail == [b"one"]
    with path.open("a") as file:
        file.write("o\n")
    assert log.next(1) == ["two"]


def test_rotations_lose_nothing_however_many_there_were(path: Path, unread: int) -> None:
    write(path, LINES[:5])
    log = Followed(path, unread, 1)
    write(path, LINES[5:10], mode="a")
    rotate(path)
    write(path, LINES[10:20])
    rotate(path)
    write(path, LINES[20:30])
    assert log.next(25) == LINES[5:30]
    write(path, LINES[30:40], mode="a")
    assert log.next(10) == LINES[30:40]


def test_a_file_that_was_emptied_is_read_from_its_beginning(path: Path, unread: int) -> None:
    write(path, LINES[:5])
    log = Followed(path, unread)
    write(path, ["fresh"])
    assert log.next(1) == ["fresh"]


def test_a_log_that_is_not_there_yet_is_waited_for(path: Path, unread: int) -> None:
    log = Followed(path, unread)
    assert log.tail == []
    write(path, ["first"])
    assert log.next(1) == ["first"]


def test_it_ends_when_nobody_reads_any_more(path: Path) -> None:
    write(path, ["one"])
    readers, writers = os.pipe()
    with closing(LogFile(path)) as log:
        log.watch()
        log.tail(1)
        os.close(readers)
        assert list(log.follow(writers)) == []
    os.close(writers)
