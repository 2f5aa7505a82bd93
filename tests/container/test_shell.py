"""Commands: their output and their end are told, and whatever they have started ends with them."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines import shell
from agent_runner.engines.shell import Finished, run
from tests.support.file_events import FileEvents
from tests.support.runner import runner_environ

TIMEOUT = 30.0

# Each prints the number of a process that would go on for long.
IN_THE_BACKGROUND = "sleep 1000 & echo $!"
OUT_OF_ITS_GROUP = "mkfifo told; setsid sh -c 'echo $$; echo > told; exec sleep 1000' & read x < told"
OUT_OF_ITS_FAMILY = "mkfifo told; (setsid sh -c 'echo $$; echo > told; exec sleep 1000' &) ; read x < told"

LATE = "touch late; echo"
"""After this its time is over, by the clock below, which is looked at when something is written."""


def late_once_begun() -> float:
    return 1000.0 if Path("late").exists() else 0.0


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cancel() -> Iterator[Cancel]:
    cancel = Cancel()
    yield cancel
    cancel.set()


def lives(pid: str) -> bool:
    return Path("/proc", pid).exists()


def wait_gone(pid: int) -> None:
    """Block until the process has ended."""
    with suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(TIMEOUT * 1000), f"{pid} goes on"
        os.close(fd)


def test_output_and_errors_come_as_one_in_their_order(cancel: Cancel) -> None:
    assert run("echo a; echo b >&2; echo c", cancel) == Finished("a\nb\nc\n", 0)


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("no-such-command", 127), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_one_that_a_shell_tells(cancel: Cancel, command: str, code: int) -> None:
    assert run(command, cancel).code == code


def test_it_runs_in_the_working_directory_and_has_no_input(cancel: Cancel, folder: Path) -> None:
    assert run("cat; pwd", cancel).output == f"{folder}\n"


def test_a_reader_that_has_enough_ends_its_writer_without_a_word(cancel: Cancel) -> None:
    assert run("yes | head -n 1", cancel) == Finished("y\n", 0)


@pytest.mark.parametrize("command", [IN_THE_BACKGROUND, OUT_OF_ITS_GROUP, OUT_OF_ITS_FAMILY])
def test_what_it_leaves_behind_ends_with_it(cancel: Cancel, command: str) -> None:
    output, code = run(command, cancel)

    assert code == 0
    assert not lives(output.strip())


@pytest.mark.parametrize("command", [IN_THE_BACKGROUND, OUT_OF_ITS_GROUP, OUT_OF_ITS_FAMILY])
def test_at_its_deadline_it_ends_with_all_that_it_has_started(cancel: Cancel, command: str) -> None:
    output, code = run(f"{command}; echo $$; {LATE}; sleep 1000", cancel, clock=late_once_begun)

    assert code is None
    assert len(output.split()) == 2
    assert not any(lives(pid) for pid in output.split())


def test_a_flood_ends_at_the_deadline(cancel: Cancel) -> None:
    output, code = run("yes", cancel, limit=3, clock=itertools.count().__next__)

    assert code is None
    assert len(output) < shell.OUTPUT + 100


def test_of_a_long_output_the_beginning_and_the_end_are_kept(cancel: Cancel) -> None:
    output, code = run("echo first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last", cancel)

    assert code == 0
    assert output.startswith("first\nxxx")
    assert output.endswith("xxx\nlast\n")
    assert f"\n… {100_012 - shell.OUTPUT} bytes are left out …\n" in output
    assert len(output) < shell.OUTPUT + 100


def test_another_bound_may_be_given_and_a_hint_how_to_see_the_rest(cancel: Cancel) -> None:
    output = run("echo 123456789", cancel, keep=4, hint=": look into a file").output

    assert output == "12\n… 6 bytes are left out: look into a file …\n9\n"


def test_an_output_of_just_the_bound_is_kept_whole(cancel: Cancel) -> None:
    assert run(f"head -c {shell.OUTPUT} /dev/zero | tr '\\0' x", cancel).output == "x" * shell.OUTPUT


@pytest.mark.parametrize("command", [IN_THE_BACKGROUND, OUT_OF_ITS_GROUP, f"{IN_THE_BACKGROUND}; kill -STOP $PPID"])
def test_a_cancel_ends_it_at_once_with_all_that_it_has_started(cancel: Cancel, folder: Path, command: str) -> None:
    finished: list[Finished] = []
    thread = threading.Thread(target=lambda: finished.append(run(f"{command}; touch begun; sleep 1000", cancel)))
    with closing(FileEvents(folder)) as events:
        thread.start()
        events.until((folder / "begun").exists, TIMEOUT)

    cancel.set()
    thread.join(TIMEOUT)

    assert not lives(finished[0].output.strip())


def test_a_turn_that_is_cancelled_already_runs_nothing_for_long(cancel: Cancel) -> None:
    cancel.set()

    assert run("sleep 1000", cancel).code == 137


def test_it_ends_when_the_runner_is_killed(folder: Path) -> None:
    command = f"{OUT_OF_ITS_GROUP}; echo $$ > hidden; mv hidden begun; sleep 1000"
    program = f"from agent_runner.engines.shell import *; run({command!r}, Cancel())"
    with closing(FileEvents(folder)) as events:
        runner = subprocess.Popen([sys.executable, "-c", program], env=runner_environ(), process_group=0)
        events.until((folder / "begun").exists, TIMEOUT)
    shell_pid = int((folder / "begun").read_text())
    leash_pid = int(Path(f"/proc/{shell_pid}/stat").read_text().split()[3])

    os.killpg(runner.pid, signal.SIGKILL)  # as the process runtime ends a container
    runner.wait(TIMEOUT)

    wait_gone(leash_pid)
    assert not lives(str(shell_pid))


def test_a_leash_that_does_not_end_is_killed(cancel: Cancel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "GRACE", 0.1)

    output, code = run(f"echo $$; kill -STOP $PPID; {LATE}; exec sleep 1000", cancel, clock=late_once_begun)

    assert code is None
    os.kill(int(output), signal.SIGKILL)


def test_a_command_that_is_too_long_to_be_started_is_refused_by_the_kernel(cancel: Cancel) -> None:
    with pytest.raises(OSError, match="Argument list too long"):
        run("x" * 200_000, cancel)
