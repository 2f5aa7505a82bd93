"""Where a path leads, found out without a look at anything that lies outside of given roots.

    ~/projects/site  →  below ~/projects, by its name  →  one component after the other, links read and not followed

A path that an agent names, and each link on its way, is first held by its name against the roots: what is in none is
never touched, so that nothing of it can be learnt, and a dead file server there holds nobody up. Below a root each
component is opened on its own and without following; `..` is taken from where the walk is, never from a link's name.
Stateless; any thread. Below a root it reads the disk, for as long as that takes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

Parts = tuple[str, ...]
"""An absolute path's components, without empty ones and `.`."""

MAX_LINKS: Final = 40
"""As the kernel's own limit, path_resolution(7)."""

MAX_OPENS: Final = 10_000
"""Components that one walk looks at: a link may go up and down a thousand times."""

_OUR_OWN: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the path."""

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Root(NamedTuple):
    """A folder or a file that may be looked at: without links, and the names by which it is called beside that."""

    real: Parts
    names: tuple[Parts, ...] = ()


class Led(NamedTuple):
    """Where a path leads: to `path`, to nothing (None), or `out` of the roots, whatever there may be."""

    path: Path | None = None
    out: bool = False


_NOTHING: Final = Led()
_OUT: Final = Led(out=True)


def parts_of(path: str | Path) -> Parts:
    """The components of a path; a relative one's are those behind where it begins."""
    return tuple(part for part in str(path).split("/") if part not in ("", os.curdir))


def starts_with(parts: Parts, start: Parts) -> bool:
    return parts[: len(start)] == start


def follow(parts: Parts, roots: Sequence[Root], *, between: bool) -> Led:
    """Follow an absolute path. Its links may lead from one root to another only if `between`.

    Without, one that is absolute or goes up beyond its root leads out, even where it would come back. Raises OSError
    where the process has no descriptor or no memory left.
    """
    walk = _Walk(roots, between)
    try:
        return walk.follow(parts)
    except (OSError, ValueError) as error:  # ValueError: no name of a file
        if isinstance(error, OSError) and error.errno in _OUR_OWN:
            raise
        return _NOTHING
    finally:
        walk.close()


class _Walk:
    """One walk: where it is, which is free of links, and what it has still to go, the last component first."""

    def __init__(self, roots: Sequence[Root], between: bool) -> None:
        self._roots = roots
        self._between = between
        self._at: Parts = ()
        self._left: list[str] = []
        self._fd = -1
        self._opens = self._links = 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def follow(self, parts: Parts) -> Led:
        self._left = list(reversed(parts))
        if not self._enter():
            return _OUT
        while self._left:
            link = self._step(self._left.pop())
            if link and not self._turn(link):
                return _OUT
        return _NOTHING if stat.S_ISLNK(os.fstat(self._fd).st_mode) else Led(Path("/", *self._at))

    def _step(self, name: str) -> str:
        """Go to `name`; where that is a link, stay and return where it leads. Raises OSError."""
        if name == os.pardir:  # within what a link says
            if not stat.S_ISDIR(os.fstat(self._fd).st_mode):
                raise _error(errno.ENOTDIR)
            return os.pardir
        fd = self._open(name, self._fd)
        link = _link_in(fd)
        if link:
            os.close(fd)
            self._links += 1
            if self._links > MAX_LINKS:
                raise _error(errno.ELOOP)
            return link
        self._move(fd)
        self._at = (*self._at, name)
        return ""

    def _turn(self, link: str) -> bool:
        """Go on from where the walk is by what a link says; False where that leads out."""
        if link.startswith("/"):
            self._at = ()
        self._left.extend(reversed(parts_of(link)))
        while self._left and self._left[-1] == os.pardir:
            self._left.pop()
            self._at = self._at[:-1]
        if any(starts_with(self._at, root.real) for root in self._roots):
            self._reopen()
            return True
        return self._between and self._enter()

    def _enter(self) -> bool:
        """Go to the nearest root by its name; False where the way that is left lies in none."""
        way = (*self._at, *reversed(self._left))
        found = [(name, root.real) for root in self._roots for name in (root.real, *root.names)]
        covering = [one for one in found if starts_with(way, one[0])]
        if not covering:
            return False
        name, self._at = max(covering, key=lambda one: len(one[0]))
        self._left = list(reversed(way[len(name) :]))
        self._reopen()
        return True

    def _reopen(self) -> None:
        """Open where the walk is from the top: a link that somebody has just put there is not followed."""
        self._move(os.open("/", _LOOK))
        for part in self._at:
            self._move(self._open(part, self._fd))

    def _open(self, name: str, folder: int) -> int:
        self._opens += 1
        if self._opens > MAX_OPENS:
            raise _error(errno.ELOOP)
        return os.open(name, _LOOK, dir_fd=folder)

    def _move(self, fd: int) -> None:
        self.close()
        self._fd = fd


def _link_in(fd: int) -> str:
    """What the very link says that was opened, whatever has its name by now; empty where it is none."""
    if not stat.S_ISLNK(os.fstat(fd).st_mode):
        return ""
    return os.readlink("", dir_fd=fd)  # the descriptor's own, readlink(2)


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
