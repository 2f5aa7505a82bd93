"""Running a command by /bin/sh with limits: its time, its output, and that nothing of it is left behind.

Any thread may call `run`, several at once; it blocks until the command has ended. Keeps no state.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agent_runner.cancel import Cancel

LIMIT = 60.0
"""Seconds that a command may take."""

OUTPUT = 16 * 1024
"""Bytes of a command's output that are kept by default: half of them from its beginning, half from its end."""

GRACE = 5.0
"""Seconds until a leash that does not end its command is killed itself."""

_LEASH = Path(__file__).with_name("leash.py")
_CHUNK = 64 * 1024


class Finished(NamedTuple):
    """How a command has ended. `code` is its exit code as a shell tells it; None where its time was over."""

    output: str
    code: int | None


def run(
    command: str,
    cancel: Cancel,
    limit: float = LIMIT,
    clock: Callable[[], float] = time.monotonic,
    *,
    keep: int = OUTPUT,
    hint: str = "",
) -> Finished:
    """Run `command`, and end it with all that it has started after `limit` seconds, or when `cancel` is set.

    It runs in the working directory, without input. Output and errors come as one, at most `keep` bytes of them; a line
    in the place of the others says how many they are, and `hint`. Raises OSError where it cannot be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        process_group=0,  # whoever kills the runner's group leaves the leash to do its work
    )
    assert process.stdin is not None
    assert process.stdout is not None
    output = _Output(clock, keep)
    try:
        with cancel.calling(lambda: _end(process)):
            in_time = output.read(process.stdout.fileno(), limit)
        process.stdin.close()
        if not in_time and not output.read(process.stdout.fileno(), GRACE):
            process.kill()
    finally:
        process.stdin.close()
        process.stdout.close()
        code = process.wait()  # the leash has closed its output, which it does by ending, or is killed
    return Finished(output.text(hint), code if in_time else None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have the leash end its command, also where the command has stopped it."""
    assert process.stdin is not None
    process.stdin.close()
    process.send_signal(signal.SIGCONT)


class _Output:
    """The beginning and the end of what a command writes, half of `keep` bytes each."""

    def __init__(self, clock: Callable[[], float], keep: int) -> None:
        self._clock = clock
        self._half = keep // 2
        self._head = b""
        self._tail = b""
        self._left_out = 0

    def read(self, fd: int, seconds: float) -> bool:
        """Take what comes until it ends; False where it has not after `seconds`."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0 and poll.poll(left * 1000):
            chunk = os.read(fd, _CHUNK)
            if not chunk:
                return True
            self._add(chunk)
        return False

    def text(self, hint: str) -> str:
        gap = f"\n… {self._left_out} bytes are left out{hint} …\n" if self._left_out else ""
        return self._head.decode(errors="replace") + gap + self._tail.decode(errors="replace")

    def _add(self, chunk: bytes) -> None:
        room = self._half - len(self._head)
        self._head += chunk[:room]
        tail = self._tail + chunk[room:]
        self._tail = tail[-self._half :]
        self._left_out += len(tail) - len(self._tail)
