"""The log file as a reader sees it: its last lines, and what is added to it, over its rotations.

Belongs to the main thread. app.log becomes app.log.1 when it is full, that one app.log.2, and so on. A file is known by
its inode, so what was written before a rotation is read to its end, then what came between, then the new file.
"""

from __future__ import annotations

import itertools
import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from openclaw.errors import OpenClawError
from openclaw.logs import FILE_COUNT
from openclaw.spool import Inotify
from openclaw.spool.inotify import IN_CREATE, IN_DELETE_SELF, IN_MODIFY, IN_MOVE_SELF, IN_MOVED_FROM, IN_MOVED_TO

_BLOCK: Final = 64 * 1024
_CHANGES: Final = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class LogFile:
    """The log at `path`. `tail` and then `follow`, each once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._place = 0
        self._inotify: Inotify | None = None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        if self._inotify is not None:
            self._inotify.close()

    def watch(self) -> None:
        """Have the kernel say what changes; before `tail`, so that nothing is missed. Raises OpenClawError."""
        try:
            self._inotify = Inotify()
            self._inotify.add_watch(self._path.parent, _CHANGES)
        except FileNotFoundError:
            raise OpenClawError(f"{self._path.parent} is not there: no service has run in this home yet") from None
        except OSError as error:
            raise OpenClawError(
                f"the log cannot be followed: {error.strerror}; raise the sysctl fs.inotify.max_user_instances"
            ) from None

    def tail(self, count: int) -> list[bytes]:
        """The last `count` lines, of older files too where the newest has fewer. Raises OpenClawError for no log."""
        if not self._open(self._path) and self._inotify is None:
            raise OpenClawError(f"there is no {self._path}: no service has run in this home yet")
        lines: list[bytes] = []
        if self._fd >= 0:
            self._place = os.fstat(self._fd).st_size
            lines, self._place = _last_lines(self._fd, self._place, count, whole=self._inotify is not None)
        for number in range(1, FILE_COUNT + 1):
            if len(lines) >= count:
                break
            lines = self._of_older(number, count - len(lines)) + lines
        return lines

    def follow(self, unread: int) -> Iterator[list[bytes]]:
        """The lines that are added, as they are; ends when nobody reads the descriptor `unread` any more.

        `watch` comes before it.
        """
        assert self._inotify is not None
        poll = select.poll()
        poll.register(self._inotify.fileno(), select.POLLIN)
        poll.register(unread, 0)  # POLLERR and POLLHUP are told always
        while True:
            if lines := self._added():
                yield lines
            events = dict(poll.poll())
            if unread in events:
                return
            self._inotify.read()

    def _of_older(self, number: int, count: int) -> list[bytes]:
        try:
            fd = os.open(f"{self._path}.{number}", _FLAGS)
        except OSError:
            return []
        try:
            return _last_lines(fd, os.fstat(fd).st_size, count, whole=False)[0]
        finally:
            os.close(fd)

    def _added(self) -> list[bytes]:
        """The lines that came since, of the file that is open and of those that took its place."""
        lines = self._rest()
        while self._rotated():
            lines += self._rest(last=True)
            if not self._open_next():
                break
            lines += self._rest()
        return lines

    def _rest(self, *, last: bool = False) -> list[bytes]:
        """What can be read now; a line whose end is not written waits for it, unless it is the `last` of the file."""
        if self._fd < 0:
            return []
        if os.fstat(self._fd).st_size < self._place:
            self._place = 0  # somebody has emptied it
        lines: list[bytes] = []
        begun = b""
        while piece := os.pread(self._fd, _BLOCK, self._place + len(begun)):
            *whole, begun = (begun + piece).split(b"\n")
            lines += whole
            self._place += sum(map(len, whole)) + len(whole)
        if last and begun:
            lines.append(begun)
            self._place += len(begun)
        return lines

    def _rotated(self) -> bool:
        """Whether the path names another file by now; one that is not there yet is waited for."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        if self._fd < 0:
            return True
        held = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino)

    def _open_next(self) -> bool:
        """Go on with the file that came after the one that is open: the next younger one."""
        held = os.fstat(self._fd).st_ino if self._fd >= 0 else None
        paths = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, FILE_COUNT + 1))]
        for younger, older in itertools.pairwise(paths):
            if held is not None and _inode(older) == held:
                return self._open(younger)
        return self._open(self._path)

    def _open(self, path: Path) -> bool:
        try:
            fd = os.open(path, _FLAGS)
        except OSError:
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._place = fd, 0
        return True


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _last_lines(fd: int, end: int, count: int, *, whole: bool) -> tuple[list[bytes], int]:
    """The last `count` lines before the offset `end`, and the offset after them.

    A line whose end is not written counts, unless they are to be `whole`.
    """
    data, start = b"", end
    while start > 0 and data.count(b"\n") <= count:
        step = min(_BLOCK, start)
        start -= step
        data = os.pread(fd, step, start) + data
    lines = data.split(b"\n")
    begun = lines.pop()
    if begun and whole:
        end -= len(begun)
    elif begun:
        lines.append(begun)
    return (lines[-count:] if count else []), end
