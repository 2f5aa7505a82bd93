"""The session's earlier turns: read once, read on where the file has grown, and never silently empty."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent_runner.engines.messages import history as module
from agent_runner.engines.messages.history import Histories, History
from openclaw.message import dump_bytes


@pytest.fixture
def histories(tmp_path: Path) -> Histories:
    return Histories(tmp_path, sleep=lambda _: None)


def line(turn_id: str, said: str = "", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": said or turn_id}]
    return {"kind": "messages", "id": turn_id, "at": 1, **more, "messages": messages}


def write(tmp_path: Path, *lines: dict[str, Any], mode: str = "ab") -> None:
    with (tmp_path / "default.jsonl").open(mode) as file:
        for one in lines:
            file.write(dump_bytes(one))


def said(history: History) -> list[str]:
    return [json.loads(past.data)["content"] for past in history.turns]


def test_a_session_without_a_file_has_no_history(histories: Histories) -> None:
    assert histories.of("default", "a") == History([])


def test_earlier_turns_are_there_in_their_order_as_a_request_has_them(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a", tokens=7), line("b", "caf\u00e9"))

    history = histories.of("default", "c")

    assert [(past.id, past.tokens) for past in history.turns] == [("a", 7), ("b", 0)]
    assert history.turns[1].data == '{"role":"user","content":"café"}'.encode()


def test_an_earlier_attempt_at_the_same_turn_is_not_shown(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a"), line("b"))

    assert said(histories.of("default", "b")) == ["a"]


def test_a_summary_and_a_fresh_session_count(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a"), line("b"), {"kind": "summary", "id": "c", "upto": "a", "text": "of a"})
    history = histories.of("default", "x")
    assert (said(history), history.summary) == (["b"], "of a")

    write(tmp_path, {"kind": "new", "id": "d"}, line("d"))
    history = histories.of("default", "x")
    assert (said(history), history.summary) == (["d"], "")


def test_what_has_come_is_read_on_and_nothing_else(
    histories: Histories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *(line(f"t{number}", "x" * 1000) for number in range(50)))
    histories.of("default", "x")
    write(tmp_path, line("last"))
    sizes: list[int] = []
    pread = os.pread

    def counting(fd: int, length: int, offset: int) -> bytes:
        data = pread(fd, length, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    assert said(histories.of("default", "x"))[-1] == "last"
    assert sum(sizes) < 1000

    sizes.clear()
    histories.of("default", "x")
    assert sizes == []


def test_a_file_that_was_replaced_is_read_anew(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a"), line("b"))
    histories.of("default", "x")
    (tmp_path / "new").write_bytes(b"")
    (tmp_path / "new").replace(tmp_path / "default.jsonl")
    write(tmp_path, line("c"), line("d"), line("e"))

    assert said(histories.of("default", "x")) == ["c", "d", "e"]


def test_a_file_that_was_written_over_is_read_anew(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a", "x" * 500))
    histories.of("default", "x")
    write(tmp_path, line("b", "y" * 500), line("c"), mode="r+b")

    assert said(histories.of("default", "x"))[-1] == "c"


@pytest.mark.parametrize("begun", [0, 20])
def test_a_line_that_is_being_written_is_waited_for(tmp_path: Path, begun: int) -> None:
    whole = dump_bytes(line("b"))
    with (tmp_path / "default.jsonl").open("ab", buffering=0) as file:
        file.write(whole[:begun])
        history = Histories(tmp_path, sleep=lambda _: file.write(whole[begun:])).of("default", "x")
    assert (said(history), history.notes) == (["b"], ())


@pytest.mark.parametrize(("left", "turns"), [(-5, ["a"]), (0, [])], ids=["cut", "emptied"])
@pytest.mark.parametrize("was_read", [True, False])
def test_a_file_that_has_lost_its_end_is_noted(
    histories: Histories, tmp_path: Path, left: int, turns: list[str], was_read: bool
) -> None:
    write(tmp_path, line("a"), line("b"))
    if was_read:
        histories.of("default", "x")
    path = tmp_path / "default.jsonl"
    os.truncate(path, path.stat().st_size + left if left else 0)

    history = histories.of("default", "x")

    assert said(history) == turns
    assert "damaged and was left out" in history.notes[0]
    assert histories.of("default", "x").notes == history.notes


def test_a_file_that_has_lost_whole_lines_since_it_was_read_is_noted(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a"))
    before = (tmp_path / "default.jsonl").stat().st_size
    write(tmp_path, line("b"))
    histories.of("default", "x")
    os.truncate(tmp_path / "default.jsonl", before)

    history = histories.of("default", "x")

    assert said(history) == ["a"]
    assert "damaged and was left out" in history.notes[0]


def test_what_the_host_puts_in_the_place_of_a_damaged_file_is_noted_no_more(
    histories: Histories, tmp_path: Path
) -> None:
    write(tmp_path, line("a"))
    os.truncate(tmp_path / "default.jsonl", 3)
    assert histories.of("default", "x").notes
    (tmp_path / "new").write_bytes(dump_bytes(line("b")))
    (tmp_path / "new").replace(tmp_path / "default.jsonl")

    assert histories.of("default", "x").notes == ()


def test_a_damaged_line_is_noted_and_the_others_are_there(histories: Histories, tmp_path: Path) -> None:
    write(tmp_path, line("a"))
    with (tmp_path / "default.jsonl").open("ab") as file:
        file.write(b"{half\n")
    write(tmp_path, line("b"))

    history = histories.of("default", "x")

    assert said(history) == ["a", "b"]
    assert "damaged and was left out" in history.notes[0]
    write(tmp_path, line("c"))
    assert histories.of("default", "x").notes == history.notes


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_lies_there_and_is_no_file_is_said_and_never_followed(
    histories: Histories, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "default.jsonl"
    if kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    history = histories.of("default", "x")

    assert history.turns == []
    assert "sessions/default.jsonl in the group's folder, cannot be read: " in history.notes[0]
    assert "chown" not in history.notes[0], "the host sets it aside by itself"


def test_of_a_file_that_is_shut_it_is_said_which_it_is_and_what_helps(
    histories: Histories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = tmp_path / "default.jsonl"
    shut.touch(mode=0)
    opened = os.open

    def as_no_root(path: Path, flags: int) -> int:
        if path == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags)

    monkeypatch.setattr(os, "open", as_no_root)
    (note,) = histories.of("default", "x").notes

    assert "sessions/default.jsonl in the group's folder, cannot be read: Permission denied." in note
    assert "(chown, chmod 600), or move it away and send /new" in note


def test_of_a_file_that_is_too_large_the_end_is_read_and_that_is_noted(
    histories: Histories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_READ", 1000)
    write(tmp_path, *(line(f"t{number}", "x" * 200) for number in range(20)))

    history = histories.of("default", "x")

    assert [past.id for past in history.turns] == ["t17", "t18", "t19"]
    assert history.notes


def test_what_is_kept_in_memory_has_a_bound(
    histories: Histories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 5000)
    for number in range(20):
        (tmp_path / f"s{number}.jsonl").write_bytes(dump_bytes(line("a", "x" * 1000)))
        assert len(histories.of(f"s{number}", "x").turns) == 1

    assert sum(known.size for known in histories._known.values()) <= 5000
    assert len(histories.of("s0", "x").turns) == 1
