"""Spares: files that are done with, kept hidden to be written anew instead of being removed and made again.

To make and remove a file is cheap on most file systems, and dear on some: ext4 without a journal looks, for each new
file, through all inodes that were given back in the last minutes, and with the option "discard" it tells the disk of
every block that is freed. There each message costs more than the one before, until it has been quiet for minutes.

The spares of a directory are a ring of hidden names, `.spare.0` to `.spare.N-1`. Whoever is done with a file renames it
to the next name in turn, over what may lie there, so that there are never more than N. Whoever needs one tries the next
name in turn; where nothing lies there it makes a new file. Either may be another process, or have been restarted. Any
thread may call any method: of two that take the same one a rename decides, and the loser makes a new file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading

SPARE_PREFIX = ".spare."

MAX_SPARES = 64
"""As many as one commit of a busy service writes."""

MAX_SIZE = 4096
"""Largest spare in bytes: a block, which it keeps."""


class Spares:
    """Those in the directory `fd`, which stays its owner's."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        # Guarded by _lock: how many were put, and which one is taken next; two threads may see the same one.
        self._puts = 0
        self._next = 0

    def put(self, name: str, dir_fd: int) -> bool:
        """Keep the file `name` of that directory, which no longer has it then.

        False, and it is where it was, for one that is no use: large, of several names, or no regular file. Raises
        FileNotFoundError where it is gone, other OSErrors where it cannot be moved.
        """
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size > MAX_SIZE:
            return False
        with self._lock:
            number, self._puts = self._puts, self._puts + 1
        os.rename(name, self._name(number), src_dir_fd=dir_fd, dst_dir_fd=self._fd)
        return True

    def take(self, name: str) -> bool:
        """Have the next one appear as `name` in the same directory; False where there is none. Raises OSError."""
        with self._lock:
            number = self._next
        try:
            os.rename(self._name(number), name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except FileNotFoundError:
            return False
        with self._lock:
            self._next = max(self._next, number + 1)
        return True

    def drop(self) -> None:
        """Remove what was put here and not taken. Raises OSError."""
        with self._lock:
            left = range(max(self._next, self._puts - MAX_SPARES), self._puts)
            self._next = self._puts
        for number in left:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._name(number), dir_fd=self._fd)

    @staticmethod
    def _name(number: int) -> str:
        return f"{SPARE_PREFIX}{number % MAX_SPARES}"
