"""Remove a directory tree that something hostile has filled.

Owns nothing; called on any thread that may block. No link is followed, depth costs neither stack nor descriptors,
and the work is bounded: what is left over stays for the next call.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

MAX_REMOVED = 100_000
"""Entries that one call removes; about 1 s of work on a local file system."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path, limit: int = MAX_REMOVED) -> bool:
    """Remove the directory `path` and all below it; False where some is left because `limit` entries were removed.

    A missing path is fine. Raises OSError where the file system refuses.
    """
    try:
        base = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return True
    try:
        done = _empty(base, limit)
    finally:
        os.close(base)
    if done:
        path.rmdir()
    return done


def _empty(base: int, limit: int) -> bool:
    """Remove all in `base`. Directories found deeper are moved up into it, so that no nesting has to be walked."""
    fresh = (f".removing-{os.urandom(4).hex()}-{number}" for number in itertools.count())
    budget = _Budget(limit)
    directories = _unlink_files(base, budget)
    while directories and budget.spend():
        name = directories.pop()
        inner = _open_directory(base, name)
        try:
            for child in _unlink_files(inner, budget):
                _make_accessible(inner, child)  # a directory that moves gets another parent written into it
                target = next(fresh)
                os.rename(child, target, src_dir_fd=inner, dst_dir_fd=base)
                directories.append(target)
        finally:
            os.close(inner)
        if not budget.exhausted:
            os.rmdir(name, dir_fd=base)
    return not budget.exhausted


class _Budget:
    """How many entries may still be removed."""

    def __init__(self, left: int) -> None:
        self._left = left
        self.exhausted = False

    def spend(self) -> bool:
        """Take one; False, and `exhausted` from then on, where there is none."""
        self.exhausted = self._left <= 0
        self._left -= 1
        return not self.exhausted


def _unlink_files(directory: int, budget: _Budget) -> list[str]:
    """Unlink what is no directory while the budget lasts; the names of the directories."""
    with os.scandir(directory) as entries:
        seen = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in itertools.islice(entries, MAX_REMOVED)]
    for name, is_directory in seen:
        if not is_directory and budget.spend():
            os.unlink(name, dir_fd=directory)
    return [name for name, is_directory in seen if is_directory]


def _open_directory(base: int, name: str) -> int:
    """A descriptor of the subdirectory `name`, which may be accessible to nobody."""
    _make_accessible(base, name)
    return os.open(name, _DIRECTORY, dir_fd=base)


def _make_accessible(directory: int, name: str) -> None:
    """A container may leave a directory with mode 000."""
    handle = os.open(name, _HANDLE, dir_fd=directory)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)
    finally:
        os.close(handle)
