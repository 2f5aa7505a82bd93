"""group.json on the disk: copied before it is read, and published durably.

A kill or a power cut at any step leaves the file that was there, the new one, or none where there was none; never a
part of one.

A group's containers may write to its folder. So nothing there is followed or trusted, and what is written is made
beside the folders, where no container reaches, and moved in whole. Stateless; any thread.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.spool import DropDir
from openclaw.spool.syscalls import rename_new

SETTINGS: Final = "group.json"
MAX_SETTINGS: Final = 256 * 1024
"""Largest group.json in bytes."""

_FOLDER_MODE: Final = 0o700


class Cover(NamedTuple):
    """Which file a container's read-only mount lies on, and when the file or one of its names was last changed.

    Nobody can set a ctime: where both are as they were, no file has been moved away and back either.
    """

    device: int
    inode: int
    ctime_ns: int

    def lies_on(self, other: Cover) -> bool:
        """Whether both are about one file."""
        return self[:2] == other[:2]


class Stamp(NamedTuple):
    """Which file it is, and in which state."""

    mtime_ns: int
    inode: int
    size: int


def stamp(folder: Path) -> Stamp:
    """The stamp of the group.json in `folder`. Raises OSError."""
    status = os.stat(f"{folder}/{SETTINGS}", follow_symlinks=False)  # asked for each message: a Path costs 10 µs
    return Stamp(status.st_mtime_ns, status.st_ino, status.st_size)


def cover(status: os.stat_result) -> Cover:
    """The cover on the file that `status` is about."""
    return Cover(status.st_dev, status.st_ino, status.st_ctime_ns)


def read(folder: Path) -> tuple[bytes, Stamp]:
    """A copy of group.json, and the stamp of what was copied. Raises OSError, or FileRefused for what is no file."""
    with closing(DropDir(folder)) as there:
        data, origin = there.read(SETTINGS, MAX_SETTINGS)
    return data, Stamp(origin.mtime_ns, origin.inode, len(data))


def publish(folder: Path, data: bytes, *, replace: bool = True) -> bool:
    """Make `folder` where it is missing, and put group.json there; durable when it returns. Whether there was none.

    A new folder gets a CLAUDE.md with nothing but a title. Raises OSError: FileExistsError where there was a
    group.json and it is not to `replace` that.
    """
    with (
        closing(DropDir(folder.parent)) as beside,
        closing(DropDir(folder, create_mode=_FOLDER_MODE)) as there,
    ):
        with suppress(FileExistsError):
            there.place("CLAUDE.md", f"# {folder.name}\n".encode(), replace=False)
        new = _move_in(beside, there, data, replace=replace)
        there.sync_entries()
        beside.sync_entries()
    return new


def ensure(folder: Path, uid: int) -> None:
    """Put a group.json without any setting into `folder` where there is none; durable when it returns. Raises OSError.

    For what is about to be mounted read-only over itself: a name that is free in the folder is the container's to take.
    It is given to the containers' `uid` here, as all of the folder is at a start: nothing touches it after that.
    """
    if not os.path.lexists(folder / SETTINGS):
        with suppress(FileExistsError):
            put_back(folder, b"{}\n")
    if os.stat(folder / SETTINGS, follow_symlinks=False).st_uid != uid and os.getuid() == 0:
        os.chown(folder / SETTINGS, uid, uid, follow_symlinks=False)


def put_back(folder: Path, data: bytes) -> None:
    """Put group.json there where there is none; durable when it returns. Raises OSError, FileExistsError among them."""
    with closing(DropDir(folder.parent)) as beside, closing(DropDir(folder)) as there:
        _move_in(beside, there, data, replace=False)
        there.sync_entries()


def _move_in(beside: DropDir, there: DropDir, data: bytes, *, replace: bool) -> bool:
    staged = _stage(beside, data)
    try:
        try:
            rename_new(staged, SETTINGS, src_dir_fd=beside.fd, dst_dir_fd=there.fd)
        except FileExistsError:
            if not replace:
                raise
            os.rename(staged, SETTINGS, src_dir_fd=beside.fd, dst_dir_fd=there.fd)
            return False
        return True
    except OSError:
        beside.remove(staged)
        raise


def _stage(beside: DropDir, data: bytes) -> str:
    """Write `data` where no container reaches, and to the disk; the hidden name. Nothing is left where that fails."""
    staged = beside.stage(data)
    try:
        os.fsync(staged.fd)  # audit: ok 4.3 a group's settings change by hand, and each change is waited for
    except OSError:
        beside.remove(staged.name)
        raise
    finally:
        os.close(staged.fd)
    return staged.name
