"""What to do about an error of the disk, for whoever has sent what it did not take. Pure functions."""

from __future__ import annotations

import errno
from typing import Final

_ADVICE: Final = {
    errno.ENOSPC: "free some disk space, then send it again",
    errno.EDQUOT: "free some of the disk quota, then send it again",
    errno.EROFS: "mount the file system for writing, then send it again",
    errno.EIO: "the disk reports an error: look at dmesg before you send it again",
    errno.EMFILE: "raise the limit of open files (ulimit -n), then send it again",
    errno.ENFILE: "raise the sysctl fs.file-max, then send it again",
    errno.EACCES: "give the directory to the service's user, then send it again",
}


def with_advice(what: str, error: Exception) -> str:
    """What went wrong, why, and what to do about it."""
    if not isinstance(error, OSError):
        return f"{what}: {error}"
    return f"{what}: {error.strerror}; {_ADVICE.get(error.errno or 0, 'send it again')}"
