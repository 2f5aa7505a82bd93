"""`openclaw send` as its sender sees it: on a terminal, in a pipe, as JSON, and with files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import RunningService
from tests.support.talking import Caller, free_port


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as running:
        yield running


@pytest.fixture
def caller(service: RunningService) -> Caller:
    return Caller(service.home, service.url.rpartition(":")[2])


def test_in_a_pipe_it_is_plain_text_and_as_json_the_whole_reply(caller: Caller) -> None:
    plain = caller.over_pipe("send", "/delta one two")
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "one two\n", "")

    whole = json.loads(caller.over_pipe("send", "--json", "--id", "a", "/delta one").stdout)
    assert (whole["id"], whole["status"], whole["text"]) == ("a", "done", "one")


def test_on_a_terminal_it_streams_with_a_status_line_that_goes(caller: Caller, service: RunningService) -> None:
    with caller.on_terminal("send", "--id", "a", "/wait 600") as terminal:
        terminal.sees("working · ")
        service.delete("/messages/a")
        assert terminal.ends() == 1
        assert terminal.screen.lines == ["openclaw: cancelled"]
    with caller.on_terminal("send", "/delta one two") as terminal:
        assert terminal.ends() == 0
        assert terminal.screen.lines == ["one two"]


def test_ctrl_c_on_a_terminal_cancels_the_message(caller: Caller, service: RunningService) -> None:
    with caller.on_terminal("send", "--id", "a", "/wait 600") as terminal:
        terminal.sees("Ctrl-C cancels")
        terminal.press("\x03")
        assert terminal.ends() == 130
    assert service.get("/messages/a?wait=30").json()["status"] == "cancelled"


def test_a_file_is_in_the_groups_folder_and_its_agent_can_read_it(
    caller: Caller, service: RunningService, tmp_path: Path
) -> None:
    file = tmp_path / "my notes.txt"
    file.write_text("remember the milk")

    done = caller.over_pipe("send", "--file", str(file), "what is in it?")

    assert done.returncode == 0, done.stderr
    copy = service.home / "groups/main/files/my_notes.txt"
    assert copy.read_text() == "remember the milk"
    assert caller.over_pipe("send", "/read files/my_notes.txt").stdout == "remember the milk\n"


def test_the_same_message_with_its_file_sent_again_is_one_message(caller: Caller, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("x")
    words = ("send", "--id", "a", "--file", str(file), "hello")
    assert caller.over_pipe(*words).stdout == caller.over_pipe(*words).stdout


def test_of_a_message_that_is_refused_no_file_is_left(caller: Caller, service: RunningService, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("x")
    caller.over_pipe("send", "--id", "a", "hello")

    refused = caller.over_pipe("send", "--id", "a", "--file", str(file), "something else")

    assert refused.returncode == 1
    assert not list((service.home / "groups/main/files").iterdir())
    with caller.on_terminal("send", "--id", "a", "--file", str(file), "something else", columns=200) as terminal:
        assert terminal.ends() == 1
        assert "send it under another id" in terminal.shown
    assert not list((service.home / "groups/main/files").iterdir())


def test_where_one_file_cannot_go_along_none_of_the_others_is_left(
    caller: Caller, service: RunningService, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    files = ("--file", str(tmp_path / "notes.txt"), "--file", str(tmp_path / "missing"))

    assert caller.over_pipe("send", *files, "hello").returncode == 2
    assert not list((service.home / "groups/main/files").iterdir())


def test_a_file_that_is_none_is_wrong_use_and_nothing_is_sent(
    caller: Caller, service: RunningService, tmp_path: Path
) -> None:
    done = caller.over_pipe("send", "--file", str(tmp_path / "missing"), "hello")
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing cannot be read" in done.stderr
    assert not list((service.home / "ipc/outbox").iterdir())


def test_without_a_service_that_is_said_on_a_terminal_too(service: RunningService) -> None:
    with Caller(service.home, free_port()).on_terminal("send", "hello", columns=200) as terminal:
        assert terminal.ends() == 1
        assert "no service answers at" in terminal.shown
