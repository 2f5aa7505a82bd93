"""What to do about an error of the disk. Pure functions.

Whether something is to be sent again is not known here: what was accepted is kept and written later. Whoever refuses
something to the one who sent it adds that.
"""

from __future__ import annotations

import errno
from typing import Final

_ADVICE: Final = {
    errno.ENOSPC: "free some disk space",
    errno.EDQUOT: "free some of the disk quota",
    errno.EROFS: "mount the file system for writing",
    errno.EIO: "the disk reports an error: look at dmesg",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the sysctl fs.file-max",
    errno.EACCES: "give the directory to the service's user",
}


def with_advice(what: str, error: Exception) -> str:
    """What went wrong, why, and what to do about it where that is known."""
    if not isinstance(error, OSError):
        return f"{what}: {error}"
    advice = _ADVICE.get(error.errno or 0)
    return f"{what}: {error.strerror}{f'; {advice}' if advice else ''}"
