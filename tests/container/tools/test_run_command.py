"""Bash: what a command says and how it ended; at its limit, the turn's or its cancellation nothing of it is left."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agent_runner.engines import shell
from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools.run_command import OUTPUT
from agent_runner.tools.tool import ToolFailed, ToolUse
from tests.container.tools.conftest import Run, tool
from tests.support.file_events import FileEvents

TIMEOUT = 30.0


def lives(pid: str) -> bool:
    return Path("/proc", pid.strip()).exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo a; echo b >&2", "a\nb"),
        ("true", "(It has ended well, without output.)"),
        ("echo a; exit 3", "a\n(exit code 3)"),
        ("exit 3", "(exit code 3)"),
        ("cat", "(It has ended well, without output.)"),
    ],
)
def test_its_output_is_given_and_an_exit_code_that_is_not_0(run: Run, command: str, said: str) -> None:
    assert run("Bash", command=command, description="try it") == said


def test_it_runs_in_the_working_directory(folder: Path, run: Run) -> None:
    assert run("Bash", command="pwd") == str(folder)


def test_of_a_long_output_the_middle_is_left_out_and_how_to_see_it_is_said(run: Run) -> None:
    output = run("Bash", command="echo first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last")

    assert output.startswith("first\nx")
    assert output.endswith("x\nlast")
    assert "bytes are left out; send the output to a file, and Read or Grep that …" in output
    assert len(output) < OUTPUT + 200


def test_at_its_limit_it_ends_with_all_that_it_has_started(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    late_once_told = partial(shell.run, clock=lambda: 1000.0 if (folder / "late").exists() else 0.0)
    monkeypatch.setattr(shell, "run", late_once_told)

    with pytest.raises(ToolFailed, match=r"^begun\n\(Ended: not done within 60 s: give it more time") as failed:
        run("Bash", command="sleep 1000 & echo $! > pid; touch late; echo begun; sleep 1000", timeout=60_000)

    assert "at most 600000" in str(failed.value)
    assert not lives((folder / "pid").read_text())


def test_it_ends_with_the_turn_where_that_comes_first(use: ToolUse) -> None:
    with pytest.raises(ToolFailed, match="turn is over"):
        tool("Bash").run({"command": "sleep 1000"}, replace(use, deadline=time.monotonic() + 0.1))


def test_a_cancelled_turn_ends_it_at_once(folder: Path, use: ToolUse) -> None:
    ended: list[TurnCancelled] = []

    def work() -> None:
        try:
            tool("Bash").run({"command": "setsid sleep 1000 & echo $! > pid; touch begun; sleep 1000"}, use)
        except TurnCancelled as cancelled:
            ended.append(cancelled)

    thread = threading.Thread(target=work)
    with closing(FileEvents(folder)) as events:
        thread.start()
        events.until((folder / "begun").exists, TIMEOUT)
    use.cancel.set()
    thread.join(TIMEOUT)

    assert ended
    assert not lives((folder / "pid").read_text())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"command": "x" * 200_000}, "too long for the kernel: Write it to a file"),
        ({"command": "a\0b"}, "NUL"),
        ({"command": ""}, "not empty"),
        ({"command": "true", "timeout": 600_001}, "from 1 to 600000"),
        ({"command": "true", "run_in_background": True}, "it takes command, timeout, description"),
    ],
)
def test_what_cannot_be_run_is_said(run: Run, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ToolFailed, match=said):
        run("Bash", **arguments)
