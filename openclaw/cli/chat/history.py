"""History: what was typed, kept in a file of the home from one conversation to the next.

Belongs to the main thread; conversations side by side append to the same file, one write a line. A line of the file is
a JSON string, so that what was typed on several lines stays one entry. It is the user's own (mode 0600) and bounded.
A history that cannot be kept costs nobody a conversation: it is said once.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Final

MAX_ENTRIES: Final = 1000
MAX_SIZE: Final = 1024 * 1024
"""Bytes of the file that are read; beyond half of it the older entries go."""
MAX_ENTRY: Final = 16 * 1024
"""Characters of an entry; a longer one is not kept."""

FILE: Final = ".chat-history"
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class History:
    """The entries in the file at `path`, the oldest first. `problem` says why they are not kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        self.entries: list[str] = []
        try:
            self.entries, size = self._read()
            if size > MAX_SIZE // 2 or len(self.entries) == MAX_ENTRIES:
                self.entries = self.entries[-MAX_ENTRIES // 2 :]
                self._rewrite()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._fails(error)

    def add(self, entry: str) -> None:
        """Keep one more, unless it says the same again."""
        if not entry.strip() or len(entry) > MAX_ENTRY or (self.entries and self.entries[-1] == entry):
            return
        self.entries.append(entry)
        if self.problem:
            return
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
            try:
                _check(fd)
                os.fchmod(fd, 0o600)
                os.write(fd, _line(entry))
            finally:
                os.close(fd)
        except OSError as error:
            self._fails(error)

    def _read(self) -> tuple[list[str], int]:
        fd = os.open(self._path, os.O_RDONLY | _FLAGS)
        try:
            size = _check(fd)
            data = os.pread(fd, MAX_SIZE, max(0, size - MAX_SIZE))
        finally:
            os.close(fd)
        found = [entry for line in data.splitlines() if (entry := _entry(line))]
        return found[-MAX_ENTRIES:], size

    def _rewrite(self) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        try:
            os.write(fd, b"".join(map(_line, self.entries)))
        finally:
            os.close(fd)
        fresh.rename(self._path)

    def _fails(self, error: OSError) -> None:
        self.problem = f"what you type is not kept for later: {self._path}: {error.strerror or error}"


def _check(fd: int) -> int:
    """The size of a regular file. Raises OSError for anything else."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no regular file")
    return status.st_size


def _line(entry: str) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _entry(line: bytes) -> str:
    """The entry of a line; empty for one that was cut off, or is none."""
    try:
        value = json.loads(line)
    except ValueError:
        return ""
    return value if isinstance(value, str) and len(value) <= MAX_ENTRY else ""
