"""Places: which files the tools may read, and which they may write, in a container of this kind.

Inside a container everything that is visible may be read, and what may be written is the kernel's to say; in Main's it
is a folder for notes only. On an open machine nothing outside the working directory is read, whichever links lead
there. No state; any thread.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any, BinaryIO, Final

from agent_runner.engines.site import Site
from agent_runner.tools.tool import ToolFailed

FILE_PATH: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "description": "Absolute, or relative to the working directory",
}
"""The schema of a path."""

NOTES: Final = ".claude/agent-memory"
"""The folder below the group's that agents keep their notes in; Main's persistent one writes nothing else."""

_NAMES_LOOKED_AT: Final = 1000


class Places:
    """Paths are absolute, or relative to the working directory, which is the group's folder."""

    def __init__(self, site: Site, notes_of: str = "") -> None:
        """With `notes_of`, the name of an agent, nothing is written but that agent's own notes."""
        self._site = site
        self._notes_of = notes_of

    def to_read(self, path: str) -> str:
        """The path as it is opened. Raises ToolFailed where it may not be read, or is none."""
        _check(path)
        if not self._site.may_read(path):
            raise ToolFailed(f"{path} is outside the working directory, and nothing else may be read here")
        return path

    def open(self, path: str) -> BinaryIO:
        """Open a regular file to be read. Raises ToolFailed or OSError, whose text says what it is instead."""
        fd = _open_regular(self.to_read(path))
        # What was opened counts: a link may have been put in the path meanwhile.
        if not self._site.may_read(os.readlink(f"/proc/self/fd/{fd}")):
            os.close(fd)
            raise ToolFailed(f"{path} is outside the working directory, and nothing else may be read here")
        return os.fdopen(fd, "rb")

    def to_write(self, path: str) -> str:
        """Where a file is to be written, links followed. Raises ToolFailed where it may not be."""
        _check(path)
        real = os.path.realpath(path)
        if self._notes_of or not self._site.single_use:
            # An agent may put a link in the place of another's folder, but not in that of them all: it is a mount.
            notes = os.path.join(os.path.realpath(NOTES), self._notes_of).rstrip("/")
            if os.path.commonpath([notes, real]) != notes or real == notes:
                raise ToolFailed(f"{path} cannot be written here: {self._why_only_notes()}")
        return real

    def _why_only_notes(self) -> str:
        if self._notes_of:
            return f"this agent writes below {NOTES}/{self._notes_of}/ and nothing else"
        return f"this container keeps notes below {NOTES}/ and nothing else; use spawn_subagent for work that writes"


def missing(path: str) -> ToolFailed:
    """The error for a path that is not there; it names what is and has nearly that name."""
    import difflib  # here: it is for mistakes only

    path = path.rstrip("/")
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_NAMES_LOOKED_AT), strict=False)]
    except OSError:
        return ToolFailed(f"there is no {path}, nor its folder: Glob finds files by a pattern")
    near = [os.path.join(folder, like) for like in difflib.get_close_matches(name, names, 3)]
    hint = f"there is {', '.join(near)}" if near else "Glob finds files by a pattern"
    return ToolFailed(f"there is no {path}; {hint}")


def _check(path: str) -> None:
    if "\0" in path:
        raise ToolFailed("a path has no NUL character")


def _open_regular(path: str) -> int:
    """Raises ToolFailed where it is no regular file: a FIFO or a device may let one wait, and never end."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise missing(path) from None
        raise
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    if stat.S_ISDIR(mode):
        raise ToolFailed(f"{path} is a folder; Glob lists what is in it")
    raise ToolFailed(f"{path} is no regular file")
