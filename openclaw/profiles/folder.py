"""ProfileFolder: the profiles of one group. Reads the disk, a bounded part of it; any thread."""

from __future__ import annotations

import errno
import os
import stat
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.errors import InvalidProfile, UnknownAgent
from openclaw.message.names import RULE, is_name
from openclaw.profiles.profile import Profile

AGENTS: Final = ".claude/agents"
"""The folder of the profiles, in that of the group."""

MEMORY: Final = ".claude/agent-memory"
"""The folder, in that of the group, in which each agent may have a folder of its name for what it remembers."""

MAX_PROFILE: Final = 64 * 1024
"""Bytes."""

MAX_ENTRIES: Final = 1000
"""Entries of the folder that are looked at."""

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Listed(NamedTuple):
    """A file of the folder, and the profile in it or what is wrong with it."""

    file: str
    found: Profile | InvalidProfile


class ProfileFolder:
    """The profiles of the group in `group_dir`; errors call their folder `shown`."""

    def __init__(self, group_dir: Path, shown: str = AGENTS) -> None:
        self.path = group_dir / AGENTS
        self._shown = shown

    def find(self, name: str) -> Profile:
        """The profile NAME. Raises UnknownAgent, which names those that there are, or InvalidProfile."""
        try:
            return self._read(name)
        except FileNotFoundError:
            there = ", ".join(one.found.name for one in self.list() if isinstance(one.found, Profile))
            missing = f"there is no agent {name[:80]!r} in {self._shown}"
            raise UnknownAgent(f"{missing}; there are: {there or 'none'}") from None

    def list(self) -> list[Listed]:
        """Every profile in the order of their names, the damaged ones too."""
        try:
            with os.scandir(self.path) as entries:
                names = sorted(one.name for one in islice(entries, MAX_ENTRIES) if one.name.endswith(".md"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            return [Listed("", InvalidProfile(f"{self._shown} cannot be read: {error.strerror}"))]
        return [Listed(name, self._listed(name.removesuffix(".md"))) for name in names if not name.startswith(".")]

    def _listed(self, name: str) -> Profile | InvalidProfile:
        try:
            return self._read(name)
        except InvalidProfile as invalid:
            return invalid
        except FileNotFoundError:
            return InvalidProfile(f"{self._shown}/{name}.md was just removed, or its name is not {RULE}")

    def _read(self, name: str) -> Profile:
        """Raises FileNotFoundError and InvalidProfile."""
        if not is_name(name):
            raise FileNotFoundError(name)
        shown = f"{self._shown}/{name}.md"
        try:
            data = _bytes(self.path, f"{name}.md")
        except FileNotFoundError:
            raise
        except OSError as error:
            why = "it is a link, which leads nowhere in a container: put the file itself there"
            reason = why if error.errno in (errno.ELOOP, errno.ENOTDIR) else f"it cannot be read: {error.strerror}"
            raise InvalidProfile(f"{shown}: {reason}") from None
        if len(data) > MAX_PROFILE:
            raise InvalidProfile(f"{shown}: it has more than {MAX_PROFILE} bytes: move a part to another file")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise InvalidProfile(f"{shown}, line {line}: it is not UTF-8: save it as that") from None
        return Profile.parse(text, name, shown)


def _bytes(folder: Path, name: str) -> bytes:
    """A file's contents, one byte more than MAX_PROFILE at most. Links are not followed. Raises OSError."""
    folder_fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fd = os.open(name, _READ, dir_fd=folder_fd)
    finally:
        os.close(folder_fd)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return file.read(MAX_PROFILE + 1)
