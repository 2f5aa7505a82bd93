"""Reading, writing and listing files for an agent: bounded, and never waiting for another process.

Paths are relative to the working directory, which is the group's folder. No state; any thread. What the kernel
refuses is raised as OSError.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat

LIMIT = 16 * 1024
"""Bytes of a file that are read."""

ENTRIES = 1000
"""Names of a folder that are listed."""


def read(path: str) -> str:
    """What a file begins with, at most LIMIT bytes."""
    fd = _open(path, os.O_RDONLY)
    try:
        data = os.read(fd, LIMIT + 1)
    finally:
        os.close(fd)
    text = data[:LIMIT].decode(errors="replace")
    return text if len(data) <= LIMIT else f"{text}\n… only the first {LIMIT} bytes are shown"


def write(path: str, text: str) -> int:
    """Write a file anew; how many bytes it has."""
    data = text.encode()
    fd = _open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(fd, "wb", buffering=0) as file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
    return len(data)


def listing(path: str) -> list[str]:
    """The names in a folder in order, a slash behind those of folders; at most ENTRIES of them."""
    with os.scandir(path) as entries:
        names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in itertools.islice(entries, ENTRIES)]
    return sorted(names)


def _open(path: str, flags: int) -> int:
    """Open a regular file: a FIFO or a device may let one wait, and a file of /dev never end."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    raise OSError(*(errno.EISDIR, "Is a directory") if stat.S_ISDIR(mode) else (errno.EINVAL, "Not a regular file"))
