"""A gate in a group's folder: commands of its agents wait at it until a test opens it, wherever they run.

`flock --shared NAME COMMAND` waits in the kernel for a lock that the test holds; a test that dies has opened it. An
agent's /run gives up after a minute, so whatever is to happen before the gate opens has that long.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class Gate:
    """Closed when made. `open` may be called again; leaving the context opens it, too."""

    def __init__(self, folder: Path, name: str = "gate") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.command = f"flock --shared {name}"
        """In front of a command, to be run in the group's folder: it begins when the gate is open."""
        self._fd = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open()
        os.close(self._fd)

    def open(self) -> None:
        """Let everybody pass who waits, and who comes."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)
