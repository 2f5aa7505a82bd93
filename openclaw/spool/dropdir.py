"""DropDir: one directory in which every file is a message, a reply or a frame.

Owns the directory's descriptor; every access goes through it, so that a path that is swapped meanwhile misleads
nobody. A file appears whole or not at all: it is written under a hidden name and renamed. Whether it outlives a power
cut is the committer's business, who syncs what was staged here.

Any thread may call any method; no state beyond the descriptor. Nothing here waits for another process, whatever lies
in the directory: links are not followed, FIFOs and devices not opened, reads are bounded.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from openclaw.errors import FileRefused
from openclaw.spool.spares import SPARE_PREFIX, Spares
from openclaw.spool.syscalls import rename_new
from openclaw.spool.taking import Origin, Taken, open_regular, origin_of, take, take_at_rest

STAGING_PREFIX = ".new."
"""Begins the name of a file that is being written. Hidden names are never taken for messages."""

_PRIVATE = 0o600
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_sequence = itertools.count()


class Staged(NamedTuple):
    """A file that is written and still hidden. `fd` is open; whoever staged it closes it."""

    name: str
    fd: int


class DropDir:
    """The directory at `path`, made with exactly `create_mode` where it is missing. Raises OSError.

    With None for `create_mode` nothing is ever made: for whoever was given a directory that another may take away.
    Hidden files are made in it, or in the directory `staging` on the same file system, which is there: then whoever
    watches this one hears of each file once, when it is whole, and not of its making as well.
    """

    def __init__(self, path: Path, *, create_mode: int | None = 0o755, staging: Path | None = None) -> None:
        self.path = path
        self._create_mode = create_mode
        if create_mode is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.fd = self._open()
        try:
            self._staging_fd = self.fd if staging is None else os.open(staging, _DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            os.close(self.fd)
            raise
        self._spares = Spares(self._staging_fd)

    def close(self) -> None:
        """Give the descriptors back."""
        if self._staging_fd != self.fd:
            os.close(self._staging_fd)
        os.close(self.fd)

    def at_rest(self) -> bool:
        """Whether the path names this directory still and it is empty; False where that cannot be seen."""
        try:
            with contextlib.closing(self._entries()) as entries:
                return self._is_here() and next(entries, None) is None
        except OSError:
            return False

    def refresh(self) -> bool:
        """Follow the path to the directory that it names now, made again where it is gone. True if that is another."""
        if self._is_here():
            return False
        fresh = self._open()
        try:
            os.dup2(fresh, self.fd, inheritable=False)  # the same number: calls under way in other threads stay valid
        finally:
            os.close(fresh)
        return True

    def place(self, name: str, data: bytes, mode: int = 0o644, *, replace: bool = True) -> None:
        """Put a file there. It outlives this process, not a power cut.

        Raises FileExistsError where the name is taken, unless `replace`.
        """
        staged = self.stage(data, mode)
        os.close(staged.fd)
        try:
            self.reveal(staged.name, name, replace=replace)
        except OSError:
            self.discard(staged.name)
            raise

    def stage(self, data: bytes, mode: int = _PRIVATE) -> Staged:
        """Write a hidden file, for `reveal`. Nothing is left of it where the disk does not take all of it."""
        name, fd, used = self._open_hidden()
        try:
            if used or mode != _PRIVATE:
                os.fchmod(fd, mode)  # exactly this, whatever the umask
            _write_all(fd, data)
            if used:
                os.ftruncate(fd, len(data))
        except OSError:
            os.close(fd)
            self.discard(name)
            raise
        return Staged(name, fd)

    def reveal(self, staged: str, name: str, *, replace: bool) -> None:
        """Give a staged file its name. Raises FileExistsError where that is taken, unless `replace`."""
        if replace:
            os.rename(staged, name, src_dir_fd=self._staging_fd, dst_dir_fd=self.fd)
        else:
            rename_new(staged, name, src_dir_fd=self._staging_fd, dst_dir_fd=self.fd)

    def discard(self, staged: str) -> None:
        """Remove a staged file. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=self._staging_fd)

    def sync_entries(self) -> None:
        """Make the names durable, on a descriptor of its own: one whose fsync has failed is never used again."""
        fd = os.open(".", _DIRECTORY, dir_fd=self.fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sweep_staging(self) -> int:
        """Remove what was being written when an earlier process ended; how many. For the directory's only writer."""
        names = [name for name in os.listdir(self._staging_fd) if name.startswith((STAGING_PREFIX, SPARE_PREFIX))]
        for name in names:
            self.discard(name)
        return len(names)

    def read(self, name: str, limit: int, uid: int | None = None) -> Taken:
        """Copy a file of at most `limit` bytes, in one read.

        With `uid` it must belong to that user and have no other name. Raises FileNotFoundError, or FileRefused for
        anything but such a file: what happens to it afterwards changes nothing in what was returned.
        """
        return take(self.fd, name, limit, uid)

    def read_at_rest(self, name: str, limit: int) -> Taken | None:
        """As `read`, or None while some process has the file open for writing, as far as the kernel tells us."""
        return take_at_rest(self.fd, name, limit)

    def open(self, name: str, uid: int) -> int:
        """A descriptor to read a file of that user's as it grows; the caller closes it.

        Raises FileNotFoundError, or FileRefused for anything but a regular file of `uid` with one name.
        """
        try:
            return open_regular(self.fd, name, uid)[0]
        except BlockingIOError:
            raise FileRefused("another process holds a lease on it") from None

    def origin(self, name: str) -> Origin:
        """Which file is called `name` now. Links are not followed. Raises FileNotFoundError."""
        return origin_of(name, os.stat(name, dir_fd=self.fd, follow_symlinks=False))

    def exists(self, name: str) -> bool:
        """Whether anything is called `name`."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> bool:
        """Remove a file; False where there is none. A directory raises IsADirectoryError."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        return True

    def retire(self, name: str) -> bool:
        """As `remove`, for a file that nobody reads any more: it becomes a spare, to be written anew."""
        try:
            return self._spares.put(name, self.fd) or self.remove(name)
        except OSError:  # it is gone, or the spares have no place for it
            return self.remove(name)

    def drop_spares(self) -> None:
        """Remove the spares. Raises OSError."""
        self._spares.drop()

    def names(self, limit: int | None = None) -> list[str]:
        """The names that are not hidden, ordered by (mtime, name).

        With `limit` no more than that many entries are looked at, hidden ones included: which ones is the file
        system's choice, and only those are ordered.
        """
        found = []
        for entry in itertools.islice(self._entries(), limit):
            if entry.name.startswith("."):
                continue
            try:
                found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
            except FileNotFoundError:
                continue  # gone since
        found.sort()
        return [name for _, name in found]

    def hidden_names(self, prefix: str) -> list[str]:
        """The hidden names that begin with `prefix`, in no order."""
        return [entry.name for entry in self._entries() if entry.name.startswith(prefix)]

    def _is_here(self) -> bool:
        held = os.fstat(self.fd)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def _entries(self) -> Generator[os.DirEntry[str]]:
        # A descriptor of its own: scans share their position with every other scan of the same descriptor.
        fd = os.open(".", _DIRECTORY, dir_fd=self.fd)
        try:
            with os.scandir(fd) as entries:
                yield from entries
        finally:
            os.close(fd)

    def _open(self) -> int:
        if self._create_mode is not None:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir()
                self.path.chmod(self._create_mode)
        return os.open(self.path, _DIRECTORY)

    def _open_hidden(self) -> tuple[str, int, bool]:
        """Its name, a descriptor to write to, and whether it is a spare with something in it."""
        name = _hidden_name()
        if self._spares.take(name):
            if (fd := self._open_spare(name)) is not None:
                return name, fd, True
            self.discard(name)
        while True:
            name = _hidden_name()
            try:
                return name, os.open(name, _WRITE | os.O_CREAT | os.O_EXCL, _PRIVATE, dir_fd=self._staging_fd), False
            except FileExistsError:
                continue  # left by an earlier process of the same number

    def _open_spare(self, name: str) -> int | None:
        """None where it is no use any more: a backup may have given it a second name since, or others its place."""
        try:
            fd = os.open(name, _WRITE | os.O_NONBLOCK, dir_fd=self._staging_fd)
        except OSError:
            return None
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return fd
        os.close(fd)
        return None


def _hidden_name() -> str:
    return f"{STAGING_PREFIX}{os.getpid()}.{next(_sequence)}"


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
