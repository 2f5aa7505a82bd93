"""Remove a directory tree that something hostile has filled.

Owns nothing; called on any thread that may block. No link is followed, depth costs neither stack nor descriptors,
and the work is bounded: what is left over stays for the next call.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

MAX_REMOVED = 10_000
"""Entries that one call removes; about 0.1 s of work on a local file system."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path, limit: int = MAX_REMOVED) -> bool:
    """Remove the directory `path` and all below it; False where some is left after `limit` entries.

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
    directories, whole = _unlink_files(base, budget)
    while directories and budget.left > 0:
        name = directories.pop()
        inner = _open_directory(base, name)
        try:
            children, seen_all = _unlink_files(inner, budget)
            for child in children:
                _make_accessible(inner, child)  # a directory that moves gets another parent written into it
                target = next(fresh)
                os.rename(child, target, src_dir_fd=inner, dst_dir_fd=base)
                budget.left -= 1
                directories.append(target)
        finally:
            os.close(inner)
        if seen_all:
            os.rmdir(name, dir_fd=base)
            budget.left -= 1
        whole = whole and seen_all
    return whole and not directories


@dataclass(slots=True)
class _Budget:
    """How many entries may still be removed or moved."""

    left: int


def _unlink_files(directory: int, budget: _Budget) -> tuple[list[str], bool]:
    """Unlink what is no directory; the names of the directories, and whether the budget allowed to look at all."""
    with os.scandir(directory) as entries:
        seen = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in itertools.islice(entries, budget.left)]
        seen_all = next(entries, None) is None
    for name, is_directory in seen:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
            budget.left -= 1
    return [name for name, is_directory in seen if is_directory], seen_all


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
