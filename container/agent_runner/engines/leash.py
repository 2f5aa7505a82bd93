"""The leash: a program that runs one command by /bin/sh, and ends with it everything that it has started.

    python -I -S leash.py COMMAND        the command is ended at the end of stdin, a pipe that the runner holds

It is a process of its own, for two reasons: whatever leaves the command's process group, and its parent, becomes a
child of the nearest subreaper, which this is; and when the runner is killed the pipe ends, and so does the command.
The exit code is the command's, 128 + N where signal N has ended it. Imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


def main(command: str) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    shell = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", command],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setpgroup=0,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores these, and a command expects them
    )
    poll = select.poll()
    poll.register(os.pidfd_open(shell), select.POLLIN)
    poll.register(sys.stdin.fileno(), 0)  # its end is always told
    poll.poll()
    # The shell is not reaped yet, so that the group's number is still its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(shell, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1])
    end_children()
    return code if code >= 0 else 128 - code


def end_children() -> None:
    """Kill whoever has left the group, then whoever that one leaves to us, until nobody is left."""
    while children := _children():
        for child in children:
            with contextlib.suppress(PermissionError):  # a setuid program; the runner does not wait for ever
                os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
