"""Two system calls that Python does not offer: renameat2(RENAME_NOREPLACE) and sync_file_range.

Stateless; any thread. Errors are OSError, as from the functions of `os`.
"""

from __future__ import annotations

import ctypes
import errno
import os

_RENAME_NOREPLACE = 1  # <linux/fs.h>
_WRITE = 2  # SYNC_FILE_RANGE_WRITE of <linux/fs.h>
_NOT_OFFERED = (errno.ENOSYS, errno.EINVAL)  # an old kernel, or a file system that cannot

_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def rename_new(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Rename where nothing is called `new` yet; raises FileExistsError where something is.

    Where the file system has no such rename it is a link and an unlink: the file then has both names for a moment.
    """
    old_bytes, new_bytes = os.fsencode(old), os.fsencode(new)
    if _libc.renameat2(src_dir_fd, old_bytes, dst_dir_fd, new_bytes, _RENAME_NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _NOT_OFFERED:
        raise OSError(code, os.strerror(code), old, None, new)
    os.link(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False)
    os.unlink(old, dir_fd=src_dir_fd)


def start_writeback(fd: int) -> None:
    """Begin to write a file's pages to the disk, without waiting: makes an fsync that follows cheaper, no more.

    Writes back nothing of other files, as syncfs would (sync_file_range(2), SYNC_FILE_RANGE_WRITE).
    """
    if _libc.sync_file_range(fd, 0, 0, _WRITE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _NOT_OFFERED:
        raise OSError(code, os.strerror(code))
