"""Hand a folder over to the uid of the containers, where the service runs as root.

Owns nothing; blocks. Links are never followed: what a container left in its folder cannot lead out of it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MAX_HANDED_OVER: Final = 20_000
"""Entries that one start looks at; about 50 ms."""


def hand_over(path: Path, uid: int) -> None:
    """Make `uid` the owner of the directory `path` and of all below it. Raises OSError where that is not allowed."""
    left = MAX_HANDED_OVER
    for _, directories, files, fd in os.fwalk(path, follow_symlinks=False):
        _change_owner(".", fd, uid)
        for name in directories + files:
            _change_owner(name, fd, uid)
        left -= len(directories) + len(files)
        if left < 0:
            log.warning("%s holds more than %d files: the rest keep their owner", path, MAX_HANDED_OVER)
            return


def _change_owner(name: str, directory: int, uid: int) -> None:
    try:
        if os.stat(name, dir_fd=directory, follow_symlinks=False).st_uid != uid:
            os.chown(name, uid, uid, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return  # removed meanwhile
