"""What was typed, from one conversation to the next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.cli.chat import history as module
from openclaw.cli.chat.history import MAX_ENTRY, History


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".chat-history"


def test_entries_come_back_in_order_on_as_many_lines_as_they_had(path: Path) -> None:
    history = History(path)
    for entry in ("one", "two\nthree", "two\nthree", "  ", "x" * (MAX_ENTRY + 1), "日本"):
        history.add(entry)
    assert History(path).entries == ["one", "two\nthree", "日本"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_made_private_where_it_was_not(path: Path) -> None:
    path.write_text('"one"\n')
    path.chmod(0o644)
    History(path).add("two")
    assert path.stat().st_mode & 0o777 == 0o600


def test_conversations_side_by_side_keep_each_others_entries(path: Path) -> None:
    first, second = History(path), History(path)
    first.add("one")
    second.add("two")
    assert History(path).entries == ["one", "two"]


def test_it_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 10)
    history = History(path)
    for number in range(25):
        history.add(str(number))
    assert History(path).entries == [str(number) for number in range(20, 25)]
    assert len(path.read_text().splitlines()) == 5


def test_lines_that_are_none_are_passed_over(path: Path) -> None:
    path.write_bytes(b'"one"\n{"a": 1}\n\xff\n"cut o')
    assert History(path).entries == ["one"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "missing"])
def test_what_is_no_file_of_ours_is_left_alone_and_said(tmp_path: Path, path: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    if kind == "link":
        path.symlink_to(other)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = tmp_path / "nowhere" / "file"
    history = History(path)
    history.add("one")
    history.add("two")
    assert "is not kept for later" in history.problem
    assert history.entries == ["one", "two"]
    assert other.read_text() == "precious"
