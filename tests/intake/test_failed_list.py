"""Failed drops as people see them: listed with their reasons, tried again, thrown away, each at most once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.errors import UnknownGroup
from openclaw.intake import failed_list
from openclaw.intake.failed_files import FailedFiles
from openclaw.intake.failed_list import FailedList
from openclaw.spool import DropDir
from tests.support.clock import FakeClock


class Drops:
    def __init__(self, root: Path) -> None:
        self.inbox = DropDir(root / "inbox")
        self.failed = DropDir(root / "failed")
        self.list = FailedList(self.failed, self.inbox)
        self._files = FailedFiles(self.failed, FakeClock())

    def fail(self, name: str, content: bytes = b"what") -> None:
        self.inbox.place(name, content)
        self._files.put(self.inbox, name, name, UnknownGroup("there is no such group"))

    def keys(self) -> list[str]:
        return [entry["key"] for entry in self.list.list()["failed"]]


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[Drops]:
    made = Drops(tmp_path)
    with closing(made.inbox), closing(made.failed):
        yield made


def test_each_is_listed_with_its_reason(drops: Drops) -> None:
    drops.fail("a.json")

    [entry] = drops.list.list()["failed"]
    assert (entry["file"], entry["title"], entry["detail"]) == ("a.json", "Unknown group", "there is no such group")
    assert (entry["key"], entry["size"]) == ("a.json", 4)


def test_the_latest_comes_first_and_the_list_is_bounded(drops: Drops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_list, "MAX_LISTED", 2)
    for number, name in enumerate(("a.json", "b.json", "c.json")):
        drops.fail(name)
        os.utime(drops.failed.path / name.replace(".json", ".reason.json"), (number, number))

    assert drops.keys() == ["c.json", "b.json"]
    assert drops.list.list()["more"] == 1


def test_one_that_is_tried_again_is_back_under_its_own_name_and_its_reason_is_gone(drops: Drops) -> None:
    drops.fail("a.json", b"first")
    drops.fail("a.json", b"second")
    assert sorted(drops.keys()) == ["a-2.json", "a.json"]

    assert drops.list.retry("a-2.json")

    assert (drops.inbox.path / "a.json").read_bytes() == b"second"
    assert sorted(drops.failed.names()) == ["a.json", "a.reason.json"]


def test_where_that_name_is_taken_it_keeps_the_one_that_it_has(drops: Drops) -> None:
    drops.fail("a.json", b"first")
    drops.fail("a.json", b"second")
    drops.inbox.place("a.json", b"third")

    assert drops.list.retry("a-2.json")

    assert (drops.inbox.path / "a-2.json").read_bytes() == b"second"
    with pytest.raises(FileExistsError):
        drops.list.retry("a.json")
    assert (drops.failed.path / "a.json").read_bytes() == b"first"


def test_of_two_who_do_the_same_the_second_finds_nothing(drops: Drops) -> None:
    drops.fail("a.json")
    drops.fail("b.json")

    assert [drops.list.retry("a.json"), drops.list.retry("a.json")] == [True, False]
    assert [drops.list.remove("b.json"), drops.list.remove("b.json")] == [True, False]
    assert drops.failed.names() == []


@pytest.mark.parametrize(
    "key",
    ["..%2Finbox%2Fx.json", "%2Fetc%2Fx.json", ".hidden.json", "x", "a.reason.json", "..", "x%00.json", "a" * 400],
)
def test_a_key_reaches_nothing_else(drops: Drops, key: str) -> None:
    drops.inbox.place("x.json", b"theirs")
    drops.fail("a.json")

    assert not drops.list.retry(key)
    assert not drops.list.remove(key)
    assert sorted(drops.failed.names()) == ["a.json", "a.reason.json"]
    assert drops.inbox.names() == ["x.json"]


@pytest.mark.parametrize("name", ["ä b.json", "100%.json", "<b>.json", os.fsdecode(b"\xff.json")])
def test_any_name_has_a_key(drops: Drops, name: str) -> None:
    drops.fail(name)
    [key] = drops.keys()

    assert key.isascii()
    assert "/" not in key
    assert drops.list.retry(key)
    assert drops.inbox.names() == [name]


def test_a_pipe_and_a_link_are_listed_and_moved_and_never_opened(drops: Drops) -> None:
    os.mkfifo(drops.inbox.path / "pipe.json")
    drops._files.put(drops.inbox, "pipe.json", "pipe.json", UnknownGroup("no"))

    assert drops.keys() == ["pipe.json"]
    assert "size" not in drops.list.list()["failed"][0]
    assert drops.list.remove("pipe.json")


def test_a_folder_that_holds_something_stays(drops: Drops) -> None:
    (drops.failed.path / "d.json").mkdir()
    (drops.failed.path / "d.json" / "kept").touch()
    drops.failed.place("d.reason.json", b"{}")

    with pytest.raises(OSError, match="not empty"):
        drops.list.remove("d.json")
    (drops.failed.path / "d.json" / "kept").unlink()
    assert drops.list.remove("d.json")


def test_a_reason_alone_is_not_listed_and_a_damaged_one_says_so(drops: Drops) -> None:
    drops.failed.place("gone.reason.json", b"{}")
    drops.fail("a.json")
    drops.failed.place("a.reason.json", b"{")

    [entry] = drops.list.list()["failed"]
    assert "cannot be read" in entry["detail"]
