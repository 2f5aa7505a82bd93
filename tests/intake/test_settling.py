from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.intake.settling import GRACE, Settling
from openclaw.spool import DropDir
from tests.support.clock import FakeClock


class Dropping:
    """An inbox, the time, and what tells finished files from others."""

    def __init__(self, root: Path) -> None:
        self.inbox = DropDir(root / "inbox")
        self.clock = FakeClock()
        self.settling = Settling(self.inbox, 1000, self.clock)

    def write(self, text: str, mode: str = "w") -> None:
        with open(self.inbox.path / "a.json", mode) as file:
            file.write(text)

    def finished(self) -> bool:
        return self.settling.finished("a.json")


@pytest.fixture
def dropping(tmp_path: Path) -> Iterator[Dropping]:
    scene = Dropping(tmp_path)
    yield scene
    scene.inbox.close()


def test_a_whole_object_is_finished_at_once(dropping: Dropping) -> None:
    dropping.write('{"text": "hello"}')

    assert dropping.finished()
    assert dropping.settling.next_due() is None


def test_half_an_object_is_waited_for_as_long_as_its_writer_has_it_open(dropping: Dropping) -> None:
    with open(dropping.inbox.path / "a.json", "w") as file:
        print('{"text": "hel', file=file, flush=True)
        for _ in range(3):
            assert not dropping.finished()
            dropping.clock.advance(100 * GRACE)
        assert dropping.settling.next_due() is None, "its close will tell"


def test_half_an_object_that_nobody_writes_gets_the_grace(dropping: Dropping) -> None:
    dropping.write('{"text": "hel')

    assert not dropping.finished()
    assert dropping.settling.next_due() == GRACE
    dropping.clock.advance(GRACE / 2)
    assert not dropping.finished()
    dropping.clock.advance(GRACE / 2)
    assert dropping.finished()


def test_each_change_begins_the_grace_anew(dropping: Dropping) -> None:
    dropping.write('{"text":')
    assert not dropping.finished()
    dropping.clock.advance(GRACE)

    dropping.write('"hel', mode="a")
    assert not dropping.finished()
    dropping.clock.advance(GRACE / 2)
    dropping.write('lo"}', mode="a")

    assert dropping.finished()


def test_an_empty_file_gets_the_grace(dropping: Dropping) -> None:
    dropping.write("")
    assert not dropping.finished()

    dropping.clock.advance(GRACE)

    assert dropping.finished()


def test_what_no_waiting_improves_is_finished(dropping: Dropping) -> None:
    dropping.write(" " * 1001)
    assert dropping.finished()

    (dropping.inbox.path / "link.json").symlink_to("/etc/passwd")
    assert dropping.settling.finished("link.json")


def test_a_file_that_is_gone_is_not_finished_and_forgotten(dropping: Dropping) -> None:
    dropping.write("{")
    assert not dropping.finished()

    (dropping.inbox.path / "a.json").unlink()

    assert not dropping.finished()
    assert dropping.settling.next_due() is None


def test_only_files_that_are_still_there_are_remembered(dropping: Dropping) -> None:
    dropping.write("{")
    assert not dropping.finished()

    dropping.settling.keep({"a.json"})
    assert dropping.settling.next_due() == GRACE
    dropping.settling.keep(set())
    assert dropping.settling.next_due() is None
