"""`openclaw chat` as a person and as a program see it, against a real service; waits are on what is drawn."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.begun import wait_until_begun
from tests.support.file_events import FileEvents
from tests.support.service import RunningService
from tests.support.talking import Caller, free_port
from tests.support.terminal import Terminal

PROMPT = "main>"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def service(home: Path) -> Iterator[RunningService]:
    with RunningService(home) as running:
        yield running


@pytest.fixture
def caller(home: Path, service: RunningService) -> Caller:
    return Caller(home, service.url.rpartition(":")[2])


def prompts(terminal: Terminal, count: int) -> None:
    """Wait until the prompt has come so often, and waits for a line."""
    terminal.until(lambda: terminal.shown.count(PROMPT) == count and terminal.screen.lines[-1].startswith(PROMPT))


def in_work(home: Path) -> str:
    """The id of the message that is in flight."""
    (path,) = (home / "ipc/work").glob("[!.]*.json")
    return path.stem


def test_each_line_is_answered_and_ctrl_d_leaves(caller: Caller) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/delta one two\n")
        prompts(terminal, 2)
        terminal.press("6 * 7\n")
        prompts(terminal, 3)
        terminal.press("\x04")
        assert terminal.ends() == 0
        assert terminal.screen.lines[:4] == [
            "openclaw 0.1.0, offline engine. /help lists the commands, Ctrl-D leaves.",
            "main> /delta one two",
            "one two",
            "main> 6 * 7",
        ]
        assert terminal.shown.count("42") == 1


def test_a_long_turn_has_one_status_line_which_goes_with_it(caller: Caller, service: RunningService) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/wait 600\n")
        terminal.sees("Ctrl-C cancels")
        first = terminal.screen.lines[-1]
        assert re.fullmatch(r"working · [0-9]+ s · Ctrl-C cancels", first)
        terminal.until(lambda: re.fullmatch(r"working · .*", terminal.screen.lines[-1]) and first not in terminal.shown)
        assert terminal.shown.count("Ctrl-C cancels") == 1
        assert not terminal.echoes(), "what is typed meanwhile would be drawn into it"
        service.delete(f"/messages/{in_work(service.home)}")
        prompts(terminal, 2)
        assert terminal.screen.lines[-3:] == ["main> /wait 600", "openclaw: cancelled", PROMPT]


def test_ctrl_c_cancels_the_turn_and_the_conversation_goes_on(caller: Caller, home: Path) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/wait 600\n")
        terminal.sees("Ctrl-C cancels")
        terminal.press("\x03")
        prompts(terminal, 2)
        assert "openclaw: cancelled" in terminal.screen.lines
        (reply,) = (home / "ipc/outbox").glob("[!.]*.json")
        assert '"status":"cancelled"' in reply.read_text()
        terminal.press("/delta still here\n")
        prompts(terminal, 3)
        assert terminal.screen.lines[-2] == "still here"


@pytest.mark.parametrize("command", ["/wait 600", "half a line"], ids=["in a turn", "at the prompt"])
def test_ended_by_a_signal_it_leaves_the_terminal_as_it_was(caller: Caller, command: str) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press(command + "\n" * command.startswith("/"))
        terminal.sees("Ctrl-C cancels" if command.startswith("/") else command)
        assert not terminal.echoes()
        terminal.process.terminate()
        assert terminal.process.wait(120) == 143
        assert terminal.echoes()


def test_ctrl_c_at_the_prompt_says_how_to_leave(caller: Caller) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("never mind")
        terminal.sees("main> never mind")
        terminal.press("\x03")
        terminal.sees("Ctrl-D leaves, and so does /quit.")
        prompts(terminal, 2)
        terminal.press("/quit\n")
        assert terminal.ends() == 0


def test_ctrl_c_is_heard_at_whatever_moment_it_comes(caller: Caller) -> None:
    """Pressed as soon as a key is echoed, it may come just before readline waits, when a signal wakes nobody."""
    with caller.on_terminal("chat", rows=6) as terminal:
        prompts(terminal, 1)
        for number in range(50):
            terminal.press(f"typed {number}")
            terminal.sees(f"main> typed {number}")
            terminal.press("\x03")
            terminal.until(lambda: terminal.screen.lines[-1] == PROMPT)


def test_the_reply_of_a_subagent_appears_above_the_line_that_is_being_typed(
    caller: Caller, service: RunningService
) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/spawn /wait 600\n")
        prompts(terminal, 2)
        terminal.press("half a line")
        terminal.sees("main> half a line")
        (subagent,) = (one["id"] for one in service.get("/subagents").json()["subagents"])
        service.delete(f"/messages/{subagent}")
        terminal.sees(f"[{subagent}] cancelled")
        terminal.until(lambda: terminal.screen.lines[-1] == "main> half a line")
        assert terminal.shown.count("half a line") == 1
        assert terminal.screen.cursor[1] == len("main> half a line")
        terminal.press("\x15/subagents\n")
        prompts(terminal, 3)
        assert terminal.screen.lines[-2] == "none"


def test_tools_and_subagents_are_in_the_status_line(caller: Caller, home: Path) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/spawn 2 /wait 600\n")
        prompts(terminal, 2)
        terminal.press("/cancel\n")
        terminal.until(lambda: len(re.findall(r"^\[[0-9a-f]+\.s[12]\] cancelled", terminal.shown, re.M)) == 2)
        assert "is being cancelled." in terminal.shown


def test_a_message_that_waits_for_its_session_says_how_many_come_before_it(
    caller: Caller, service: RunningService
) -> None:
    for name in ("a", "b"):
        service.post({"text": "/wait 600", "id": name}, "")
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/delta at last\n")
        terminal.sees("queued: 2 before it in this session")
        service.delete("/messages/b")
        terminal.sees("queued: 1 before it in this session")
        service.delete("/messages/a")
        prompts(terminal, 2)
        assert terminal.screen.lines[-2] == "at last"


def test_a_turn_that_cannot_be_cancelled_is_left_by_a_second_ctrl_c_and_its_reply_comes_later(
    caller: Caller, service: RunningService
) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/wait 600\n")
        terminal.sees("working · ")
        message_id = in_work(service.home)
        service.process.send_signal(signal.SIGSTOP)  # it hangs
        terminal.press("\x03")
        terminal.sees("cancelling")
        terminal.press("\x03")
        terminal.sees(f"openclaw: {message_id} is left to itself")
        prompts(terminal, 2)
        service.process.send_signal(signal.SIGCONT)
        terminal.sees(f"[{message_id}] cancelled")
        terminal.until(lambda: terminal.screen.lines[-1] == PROMPT)


def test_a_service_that_goes_away_in_mid_turn_and_comes_back_is_said_and_survived(home: Path) -> None:
    port = free_port()
    caller = Caller(home, port)
    with RunningService(home, OPENCLAW_PORT=port, OFFLINE_LATENCY="600000") as first:
        terminal_of = caller.on_terminal("chat", columns=120)
        terminal = terminal_of.__enter__()
        try:
            prompts(terminal, 1)
            terminal.press("/delta here again\n")
            terminal.sees("Ctrl-C cancels")
            wait_until_begun(home, in_work(home))
            first.kill()
            terminal.sees("went away before it answered. Ctrl-C gives the message up.")
            terminal.sees("the service is away, waiting for it")
            with RunningService(home, OPENCLAW_PORT=port):
                terminal.sees("openclaw: the service is back; the conversation goes on.")
                prompts(terminal, 2)
                assert "here again" in terminal.screen.lines[-2]
                terminal.press("\x04")
                assert terminal.ends() == 0
        finally:
            terminal_of.__exit__(None, None, None)


def test_a_message_that_found_no_service_is_sent_when_there_is_one(home: Path) -> None:
    port = free_port()
    with RunningService(home, OPENCLAW_PORT=port) as first, Caller(home, port).on_terminal("chat") as terminal:
        prompts(terminal, 1)
        first.stop()
        terminal.press("/delta late but there\n")
        terminal.sees("no service answers at")
        with RunningService(home, OPENCLAW_PORT=port):
            prompts(terminal, 2)
            assert terminal.screen.lines[-2] == "late but there"


def test_what_was_typed_is_found_again_in_the_next_conversation(caller: Caller, home: Path) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/delta kept\n")
        prompts(terminal, 2)
        terminal.press("\x04")
        terminal.ends()
    assert (home / "ipc/.chat-history").stat().st_mode & 0o777 == 0o600
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("\x1b[A")
        terminal.sees("main> /delta kept")


def test_a_line_that_ends_with_a_backslash_goes_on_and_tab_completes_commands(caller: Caller) -> None:
    with caller.on_terminal("chat") as terminal:
        prompts(terminal, 1)
        terminal.press("/delta one\\\n")
        terminal.sees("…")
        terminal.press("two\n")
        prompts(terminal, 2)
        assert terminal.screen.lines[-3:-1] == ["one", "two"]
        terminal.press("/age\t\n")
        prompts(terminal, 3)
        assert "main> /agents" in terminal.shown


def test_an_agent_cannot_write_escapes_and_wide_characters_keep_their_place(caller: Caller) -> None:
    with caller.on_terminal("chat", columns=20) as terminal:
        prompts(terminal, 1)
        terminal.press("/delta \x16\x1b[2J日本語 ok\n")
        prompts(terminal, 2)
        assert "\ufffd[2J日本語 ok" in terminal.shown


def test_on_a_dumb_terminal_there_is_no_status_line_and_no_escape(caller: Caller) -> None:
    with caller.on_terminal("chat", TERM="dumb", INPUTRC="/dev/null") as terminal:
        prompts(terminal, 1)
        terminal.press("/wait 0.5\n")
        prompts(terminal, 2)
        terminal.press("\x04")
        terminal.ends()
        assert "Waited 0.5 s." in terminal.screen.lines
        assert "\x1b" not in terminal.screen.raw


def test_no_color_leaves_the_colours_out(caller: Caller) -> None:
    for value, faint in (("", True), ("1", False)):
        with caller.on_terminal("chat", NO_COLOR=value) as terminal:
            prompts(terminal, 1)
            assert ("\x1b[2m" in terminal.screen.raw) is faint


# Over a pipe


def test_over_a_pipe_each_line_is_a_message_and_the_answers_are_plain_text(caller: Caller) -> None:
    done = caller.over_pipe("chat", lines="/delta one two\n\n6 * 7\n//help\n")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "one two"
    assert lines[1].startswith("6 * 7 = 42. ")
    assert any(line.startswith("Commands, each as a message") for line in lines)
    assert "\x1b" not in done.stdout


def test_over_a_pipe_the_replies_of_subagents_are_waited_for(caller: Caller) -> None:
    done = caller.over_pipe("chat", lines="/spawn 2 /delta from below\n/delta meanwhile\n")
    assert done.returncode == 0
    assert len(re.findall(r"^\[[0-9a-f]{16}\.s[12]\] from below$", done.stdout, re.M)) == 2


def test_over_a_pipe_more_subagents_than_are_waited_for_at_once_are_all_told(caller: Caller) -> None:
    done = caller.over_pipe("chat", lines="/spawn 20 /delta from below\n")
    assert done.returncode == 0
    assert len(set(re.findall(r"^\[([0-9a-f]{16}\.s[0-9]+)\] from below$", done.stdout, re.M))) == 20


def test_over_a_pipe_a_message_that_fails_is_told_on_stderr_and_by_the_exit_code(caller: Caller) -> None:
    done = caller.over_pipe("chat", lines="/fail on purpose\n/delta all the same\n")
    assert (done.returncode, done.stdout) == (1, "all the same\n")
    assert "openclaw: failed: on purpose" in done.stderr


def test_groups_and_sessions_are_chosen_by_options(caller: Caller, service: RunningService) -> None:
    service.put("/groups/friends", {})
    assert caller.over_pipe("chat", "--group", "friends", "--session", "s1", lines="/delta hi\n").stdout == "hi\n"
    (reply,) = (service.home / "ipc/outbox").glob("*.json")
    assert '"group":"friends","session":"s1"' in reply.read_text()

    unknown = caller.over_pipe("chat", "--group", "nobody", lines="/delta hi\n")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "nobody" in unknown.stderr
    assert caller.over_pipe("chat", "--group", "no/name").returncode == 2


def test_without_a_service_it_says_so_at_once(home: Path) -> None:
    done = Caller(home, free_port()).over_pipe("chat", lines="hello\n")
    assert done.returncode == 1
    assert "no service answers" in done.stderr


def test_ctrl_c_over_a_pipe_cancels_the_turn_and_ends(caller: Caller, home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "openclaw", "chat"],
        env=caller.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    with process, closing(FileEvents(home / "ipc/work", home / "ipc/outbox")) as events:
        process.stdin.write("/wait 600\n")
        process.stdin.flush()
        events.until(lambda: any((home / "ipc/work").glob("[!.]*.json")))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        events.until(lambda: any((home / "ipc/outbox").glob("[!.]*.json")))
        (reply,) = (home / "ipc/outbox").glob("[!.]*.json")
        assert '"status":"cancelled"' in reply.read_text()


def test_a_pipe_that_nobody_reads_any_more_ends_it(caller: Caller) -> None:
    readers, writers = os.pipe()
    os.close(readers)
    done = subprocess.run(
        [sys.executable, "-m", "openclaw", "chat"],
        env=caller.environ, input="/delta one\n/delta two\n", stdout=writers, stderr=subprocess.PIPE,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writers)
    assert (done.stderr, done.returncode) == ("", 141)
