"""What other users of the machine can do with the home, for a warning at start. Reads modes only; any thread.

The owner's rights are enough for all that openclaw does: an engine mounts what lies below a folder that is closed to
everybody else. Access lists are not looked at.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_TELLING = ("groups", "ipc", "logs")
"""Folders of the home that hold what was said, by people and by agents."""


def doubts(home: Path) -> list[str]:
    """What to say of it, each with the command that mends it; nothing where the home is its owner's alone."""
    return list(_doubts(home))


def _doubts(home: Path) -> Iterator[str]:
    env = home / ".env"
    open_to_all = _is_reached(home)
    if open_to_all and _mode(env) & stat.S_IROTH:
        yield f"Every user of this machine can read {env}, and the keys in it: chmod 600 {env}"
    if open_to_all and any(_mode(home / name) & stat.S_IXOTH for name in _TELLING):
        yield f"Every user of this machine can enter {home}, and read what is written there: chmod 700 {home}"
    for path in (env, home, *(home / name for name in _TELLING)):
        if _mode(path) & stat.S_IWOTH and _is_reached(path.parent):
            yield f"Every user of this machine can change {path}, and so what agents do: chmod o-w {path}"


def _is_reached(folder: Path) -> bool:
    """Whether everybody may pass through it, and all above it."""
    return all(_mode(each) & stat.S_IXOTH for each in (folder, *folder.parents))


def _mode(path: Path) -> int:
    """Its permissions, those of what a link leads to; none where there is nothing."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0
