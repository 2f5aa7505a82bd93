"""One session's file: read, appended to, replaced and set aside, all without trusting what lies in the group's folder.

The folder is written by the group's containers, so no link is followed and nothing but a regular file is read.
Stateless; reading may happen on any thread, everything else on one thread at a time. Raises OSError throughout.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.message import is_name
from openclaw.message.session import MAX_READ, read_lines
from openclaw.spool.syscalls import start_writeback

FOLDER: Final = "sessions"
ARCHIVE: Final = "conversations"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOOK = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HIDDEN = ".new."


class Stamp(NamedTuple):
    """Which file it is, and in which state."""

    inode: int
    size: int
    mtime_ns: int


class Content(NamedTuple):
    """What a session's file holds, from its end; `whole` says that nothing before was left out."""

    data: bytes
    stamp: Stamp
    whole: bool


class Made(NamedTuple):
    """Where a new file lies: a descriptor of its folder, and its name there."""

    folder: int
    name: str


class Appended:
    """Lines that were added to a file, and its descriptors, until `sync`, which is called once.

    Others may be added to other files meanwhile: the disk writes them together. `made` is where the file lies, if they
    are its first lines; then the file goes with them.
    """

    def __init__(self, fd: int, made: Made | None, end: int, length: int) -> None:
        self._fd = fd
        self._made = made
        self._end = end
        self._length = length

    def sync(self) -> Stamp:
        """Make them durable, or take them away again: what is not durable is never taken for what was noted."""
        try:
            try:
                os.fsync(self._fd)
                if self._made is not None:
                    os.fsync(self._made.folder)
            except OSError:
                _take_back(self._fd, self._made, self._end)
                raise
            after = _stamp(os.fstat(self._fd))
            if after.size < self._end + self._length:  # lines before these were taken away
                raise OSError(errno.EIO, "lines that were not durable were taken away")
            return after
        finally:
            os.close(self._fd)
            if self._made is not None:
                os.close(self._made.folder)


def listed(folder: Path, limit: int) -> list[tuple[str, float]]:
    """The sessions in a group's folder that have a file, as (name, when it was written in seconds since 1970).

    The latest first; at most `limit` entries are looked at. No link is followed. Raises OSError.
    """
    try:
        group = os.open(folder, _DIRECTORY)
        try:
            directory = os.open(FOLDER, _DIRECTORY | os.O_NOFOLLOW, dir_fd=group)
        finally:
            os.close(group)
    except FileNotFoundError:
        return []
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in islice(entries, limit):
                name = entry.name.removesuffix(".jsonl")
                if name != entry.name and is_name(name) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        found.append((name, entry.stat(follow_symlinks=False).st_mtime))
    finally:
        os.close(directory)
    return sorted(found, key=lambda one: -one[1])


class SessionFile:
    """`sessions/SESSION.jsonl` in `folder`. `uid` is who reads it in containers, and so owns it."""

    def __init__(self, folder: Path, session: str, uid: int) -> None:
        self._folder = folder
        self._session = session
        self._name = f"{session}.jsonl"
        self._uid = uid

    @property
    def path(self) -> Path:
        return self._folder / FOLDER / self._name

    def stamp(self) -> Stamp | None:
        """None where there is no file. Opens nothing: it is asked for before each turn."""
        try:
            return _stamp(os.stat(f"{self._folder}/{FOLDER}/{self._name}", follow_symlinks=False))
        except FileNotFoundError:
            return None

    def is_foreign(self) -> bool:
        """Whether something lies there that is no regular file, and so none of ours."""
        status = self._status()
        return status is not None and not stat.S_ISREG(status.st_mode)

    def read(self) -> Content | None:
        """At most MAX_READ bytes; None where there is no file."""
        try:
            with self._opened(FOLDER, make=False) as directory:
                fd = os.open(self._name, os.O_RDONLY | _LOOK, dir_fd=directory)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(0, "it is no regular file")
            start = max(0, status.st_size - MAX_READ)
            return Content(os.pread(fd, MAX_READ, start), _stamp(status), start == 0)
        finally:
            os.close(fd)

    def append(self, lines: bytes) -> Appended:
        """Add whole lines at the end, or nothing at all; they are durable when what is returned was synced."""
        with self._opened(FOLDER) as directory:
            fd = self._open_to_append(directory)
            try:
                end = _whole_lines(fd)
                made = Made(directory, self._name) if end == 0 else None  # as good as new: not even its name is durable
                try:
                    _write_all(fd, lines)
                    start_writeback(fd)
                    kept = None if made is None else Made(os.dup(directory), self._name)
                except OSError:
                    _take_back(fd, made, end)  # a part of a line, or an empty file, would be taken for damage
                    raise
                return Appended(fd, kept, end, len(lines))
            except BaseException:
                os.close(fd)
                raise

    def replace(self, data: bytes) -> Stamp:
        """Put another content in its place, durably."""
        with self._opened(FOLDER) as directory:
            return self._publish(directory, self._name, data)

    def archive(self, name: str, data: bytes) -> None:
        """Put a file into the group's archive, durably; the same name again is the same file."""
        with self._opened(ARCHIVE) as directory:
            self._publish(directory, name, data)

    def remove(self) -> None:
        """Take it away; one that is not there is no error."""
        with suppress(FileNotFoundError), self._opened(FOLDER, make=False) as directory:
            os.unlink(self._name, dir_fd=directory)

    def set_aside(self, mark: str) -> str:
        """Keep what lies there under a name of its own beside it, which ends with `mark`; that name.

        A file keeps its own name too, until `replace`: whoever dies in between has lost nothing.
        """
        name = f"{self._name}.damaged-{mark}"
        with self._opened(FOLDER) as directory:
            if not stat.S_ISREG(os.stat(self._name, dir_fd=directory, follow_symlinks=False).st_mode):
                os.rename(self._name, name, src_dir_fd=directory, dst_dir_fd=directory)
            else:
                with suppress(FileExistsError):  # by a process that died in between
                    os.link(self._name, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        return name

    def _status(self) -> os.stat_result | None:
        try:
            with self._opened(FOLDER, make=False) as directory:
                return os.stat(self._name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @contextmanager
    def _opened(self, name: str, *, make: bool = True) -> Iterator[int]:
        """A folder in the group's folder, made where it is missing. A link in its place is refused."""
        group = os.open(self._folder, _DIRECTORY)  # this one may be a link: no container reaches its place
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=group)
                    self._give_away(name, group)
            directory = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=group)
        finally:
            os.close(group)
        try:
            yield directory
        finally:
            os.close(directory)

    def _open_to_append(self, directory: int) -> int:
        flags = os.O_RDWR | os.O_APPEND | _LOOK
        try:
            fd = os.open(self._name, flags, dir_fd=directory)
        except FileNotFoundError:
            fd = os.open(self._name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
            self._give_away(fd)
            return fd
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(0, "it is no regular file")
        return fd

    def _publish(self, directory: int, name: str, data: bytes) -> Stamp:
        hidden = f"{_HIDDEN}{name}"
        with suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=directory)  # left by a process that ended before it was renamed
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
        try:
            try:
                self._give_away(fd)
                _write_all(fd, data)
                os.fsync(fd)
                after = _stamp(os.fstat(fd))
                os.rename(hidden, name, src_dir_fd=directory, dst_dir_fd=directory)
            finally:
                os.close(fd)
        except OSError:
            with suppress(OSError):
                os.unlink(hidden, dir_fd=directory)
            raise
        os.fsync(directory)
        return after

    def _give_away(self, path: int | str, directory: int | None = None) -> None:
        if self._uid != os.getuid():
            os.chown(path, self._uid, self._uid, dir_fd=directory, follow_symlinks=isinstance(path, int))


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def _take_back(fd: int, made: Made | None, end: int) -> None:
    """Let the file end where it did before, and be gone where it is new: its folder is synced when it is made anew."""
    status = os.fstat(fd)
    if status.st_size > end:  # else lines before these were taken away
        os.ftruncate(fd, end)
    if made is not None:
        with suppress(FileNotFoundError):
            there = os.stat(made.name, dir_fd=made.folder, follow_symlinks=False)
            if (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino):  # and not what a container put there
                os.unlink(made.name, dir_fd=made.folder)


def _whole_lines(fd: int) -> int:
    """Make the file end with a newline; its size then.

    A line without one is whole where somebody has edited the file. One that is torn was set aside before, with the
    whole file, unless it was torn within this moment.
    """
    size = os.fstat(fd).st_size
    if size == 0 or os.pread(fd, 1, size - 1) == b"\n":
        return size
    tail = os.pread(fd, MAX_READ, max(0, size - MAX_READ))
    last = tail[tail.rfind(b"\n") + 1 :]
    if read_lines(last).entries:
        return size + os.write(fd, b"\n")
    os.ftruncate(fd, size - len(last))
    return size - len(last)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
