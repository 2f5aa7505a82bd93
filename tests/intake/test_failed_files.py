from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.errors import FileRefused, UnknownGroup
from openclaw.intake.failed_files import FailedFiles
from openclaw.spool import DropDir
from tests.support.clock import FakeClock


class Failing:
    """An inbox and a failed directory side by side."""

    def __init__(self, root: Path) -> None:
        self.inbox = DropDir(root / "inbox")
        self.failed = DropDir(root / "failed")
        self.files = FailedFiles(self.failed, FakeClock(time=1_800_000_000.0))

    def put(self, name: str = "a.json", content: bytes = b"what") -> None:
        self.inbox.place(name, content)
        self.files.put(self.inbox, name, name, FileRefused("it is odd"))


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Failing]:
    pair = Failing(tmp_path)
    yield pair
    pair.inbox.close()
    pair.failed.close()


def test_a_failed_file_lies_beside_the_reason(failing: Failing) -> None:
    failing.inbox.place("a.json", b"what")

    failing.files.put(failing.inbox, "a.json", "a.json", UnknownGroup("there is no group 'x'"))

    assert failing.inbox.names() == []
    assert (failing.failed.path / "a.json").read_bytes() == b"what"
    assert json.loads((failing.failed.path / "a.reason.json").read_bytes()) == {
        "file": "a.json",
        "title": "Unknown group",
        "status": 404,
        "detail": "there is no group 'x'",
        "at": "2027-01-15T08:00:00Z",
    }


def test_a_file_of_the_wrong_kind_has_a_reason_too(failing: Failing) -> None:
    failing.put()

    reason = json.loads((failing.failed.path / "a.reason.json").read_bytes())
    assert (reason["title"], reason["status"], reason["detail"]) == ("File refused", 400, "it is odd")


def test_names_in_use_are_numbered(failing: Failing) -> None:
    for content in (b"1", b"2", b"3"):
        failing.put(content=content)

    assert [(failing.failed.path / name).read_bytes() for name in ("a.json", "a-2.json", "a-3.json")] == [
        b"1",
        b"2",
        b"3",
    ]
    assert failing.failed.exists("a-3.reason.json")


def test_a_file_without_its_reason_is_not_overwritten_and_gets_none(failing: Failing) -> None:
    failing.failed.place("a.json", b"somebody's")

    failing.put()

    assert (failing.failed.path / "a.json").read_bytes() == b"somebody's"
    assert sorted(failing.failed.names()) == ["a-2.json", "a-2.reason.json", "a.json"]


def test_a_name_that_fails_again_and_again_always_finds_room(failing: Failing) -> None:
    for _ in range(105):
        failing.put()

    assert len(failing.failed.names()) == 210


def test_a_dropped_file_called_like_a_reason_disturbs_nothing(failing: Failing) -> None:
    failing.put("a.reason.json", b"mine")
    failing.put("a.json")

    assert (failing.failed.path / "a.reason.json").read_bytes() == b"mine"
    assert failing.failed.exists("a-2.json")
    assert failing.failed.exists("a-2.reason.json")


def test_the_longest_name_leaves_room_for_the_reason(failing: Failing) -> None:
    failing.put("x" * 250 + ".json")

    assert len(failing.failed.names()) == 2


def test_a_name_that_is_not_utf8_can_be_told(failing: Failing) -> None:
    failing.put(os.fsdecode(b"\xff.json"))

    reason = next(name for name in failing.failed.names() if name.endswith(".reason.json"))
    assert json.loads(failing.failed.read(reason, 1000).data)["file"] == "\ufffd.json"


def test_where_the_file_cannot_be_moved_no_reason_stays(failing: Failing) -> None:
    with pytest.raises(FileNotFoundError):
        failing.files.put(failing.inbox, "gone.json", "gone.json", FileRefused("it is odd"))

    assert failing.failed.names() == []
