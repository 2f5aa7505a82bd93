"""The kernel's inotify, by ctypes: the binding and nothing else.

Owns one descriptor and keeps no table of watches; which watch belongs to whom is the watcher's business.
`add_watch` and `remove_watch` may be called from any thread; one thread reads.
See inotify(7); the constants are those of <sys/inotify.h>.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import NamedTuple

IN_MODIFY = 0x00000002
IN_ATTRIB = 0x00000004
IN_CLOSE_WRITE = 0x00000008
IN_MOVED_FROM = 0x00000040
IN_MOVED_TO = 0x00000080
IN_CREATE = 0x00000100
IN_DELETE = 0x00000200
IN_DELETE_SELF = 0x00000400
IN_MOVE_SELF = 0x00000800
IN_UNMOUNT = 0x00002000
IN_Q_OVERFLOW = 0x00004000
IN_IGNORED = 0x00008000
IN_ONLYDIR = 0x01000000
IN_MASK_CREATE = 0x10000000

_HEADER = struct.Struct("iIII")
_READ_SIZE = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


class InotifyEvent(NamedTuple):
    """One event. `name` is the entry within the watched directory, empty for the directory itself."""

    wd: int
    mask: int
    cookie: int
    name: str


class Inotify:
    """One inotify instance, of which a user has 128 as the kernel comes. Every method raises OSError."""

    def __init__(self) -> None:
        self._fd = _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def fileno(self) -> int:
        """The descriptor, for poll; readable when there are events."""
        return self._fd

    def add_watch(self, path: str | os.PathLike[str], mask: int) -> int:
        """Watch `path` for the events in `mask`; returns the watch descriptor."""
        return _checked(_libc.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(mask)), path)

    def remove_watch(self, wd: int) -> None:
        """End a watch; IN_IGNORED follows. EINVAL where the kernel has ended it already."""
        _checked(_libc.inotify_rm_watch(self._fd, wd))

    def read(self) -> list[InotifyEvent]:
        """The events that wait, at most 64 KiB of them; an empty list where none does."""
        try:
            data = os.read(self._fd, _READ_SIZE)
        except BlockingIOError:
            return []
        return _parse(data)

    def close(self) -> None:
        """Give the descriptor back; all watches end with it."""
        os.close(self._fd)


def _parse(data: bytes) -> list[InotifyEvent]:
    events = []
    offset = 0
    while offset < len(data):
        wd, mask, cookie, length = _HEADER.unpack_from(data, offset)
        offset += _HEADER.size
        name = data[offset : offset + length].rstrip(b"\0")
        offset += length
        events.append(InotifyEvent(wd, mask, cookie, os.fsdecode(name)))
    return events


def _checked(result: int, path: str | os.PathLike[str] | None = None) -> int:
    if result >= 0:
        return result
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), os.fspath(path) if path is not None else None)
