"""Taking a file out of a directory into which somebody else may write.

What lies there may be a link, a FIFO, a device or a file of any size, and may be swapped at any moment. So a file is
looked at before it is opened (O_PATH opens nothing), opened as what was looked at, and read once; from then on only
our own copy counts. No state; any thread; nothing here waits for another process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from typing import NamedTuple

from openclaw.errors import FileRefused

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFDIR: "a directory",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


class Origin(NamedTuple):
    """Which file it was: its name, and device, inode and mtime (ns since 1970), which together no two files share."""

    name: str
    device: int
    inode: int
    mtime_ns: int


class Taken(NamedTuple):
    """Our own copy of a file's bytes, and which file it was."""

    data: bytes
    origin: Origin


def take(dir_fd: int, name: str, limit: int, uid: int | None) -> Taken:
    """What `DropDir.read` does."""
    try:
        fd, status = open_regular(dir_fd, name, uid)
    except BlockingIOError:
        raise FileRefused("another process holds a lease on it; try again when it is done") from None
    try:
        return _read(fd, name, status, limit)
    finally:
        os.close(fd)


def take_at_rest(dir_fd: int, name: str, limit: int) -> Taken | None:
    """What `DropDir.read_at_rest` does."""
    try:
        fd, status = open_regular(dir_fd, name, None)
    except BlockingIOError:
        return None  # somebody holds a write lease, and has just been asked to give it back
    try:
        return None if _has_writer(fd) else _read(fd, name, status, limit)
    finally:
        os.close(fd)


def origin_of(name: str, status: os.stat_result) -> Origin:
    """The identity of the file that `status` is about."""
    return Origin(name, status.st_dev, status.st_ino, status.st_mtime_ns)


def open_regular(dir_fd: int, name: str, uid: int | None) -> tuple[int, os.stat_result]:
    """Open the file only if it is what we take.

    Raises BlockingIOError where another process holds a write lease: an open that waits would wait up to 45 s.
    """
    path_fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        status = os.fstat(path_fd)
        _check(status, uid)
        if uid is not None and _has_lost_its_name(path_fd):
            raise FileNotFoundError(errno.ENOENT, "it was removed while it was looked at", name)
        return os.open(f"/proc/self/fd/{path_fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), status
    except PermissionError:
        raise FileRefused("the service may not read it; make it readable for the service's user") from None
    finally:
        os.close(path_fd)


def _read(fd: int, name: str, status: os.stat_result, limit: int) -> Taken:
    if status.st_size > limit:
        raise FileRefused(f"it has {status.st_size} bytes; at most {limit} are taken")
    data = os.read(fd, status.st_size + 1)
    if len(data) != status.st_size:
        raise FileRefused("it changed while it was read; write it under a hidden name and rename it")
    return Taken(data, origin_of(name, status))


def _has_writer(fd: int) -> bool:
    """Whether some process has the file open for writing; False as well where the kernel does not tell us.

    It tells the file's owner and root, by granting or refusing a read lease (fcntl(2), F_SETLEASE), on local file
    systems.
    """
    try:
        # Should somebody open it for writing just now, the kernel signals us: SIGIO would end the process.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False


def _has_lost_its_name(path_fd: int) -> bool:
    """Whether the name by which the file was opened is gone, as the kernel says (proc(5), /proc/PID/fd).

    Asked after the names were counted: somebody may link to another's file, and take that link away when we have opened
    it. Then one name is counted, and it is not ours.
    """
    return os.readlink(f"/proc/self/fd/{path_fd}").endswith(" (deleted)")


def _check(status: os.stat_result, uid: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(f"it is {_KINDS[stat.S_IFMT(status.st_mode)]}; only regular files are taken: copy one here")
    if uid is None:
        return
    if status.st_uid != uid:
        raise FileRefused(f"it belongs to uid {status.st_uid}, not {uid}")
    if status.st_nlink != 1:
        raise FileRefused(f"it has {status.st_nlink} names; only files with one are taken")
