"""Retention: removes replies and failed files that are older than OUTBOX_RETENTION_DAYS.

Remembers when it last believed the clock. `sweep` runs on a thread that the service starts for it, one at a time and
never on one that messages wait for.
"""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.spool import DropDir

log = logging.getLogger(__name__)

MAX_REMOVALS = 10_000
"""Files removed in one pass; what is left waits for the next."""

_DAY = 86_400


class Retention:
    """What is old in `directories` goes. Hidden names stay, and folders that hold something."""

    def __init__(self, directories: tuple[DropDir, ...], days: int, clock: Clock) -> None:
        self._directories = directories
        self._days = days
        self._clock = clock
        self._believed = (clock.time(), clock.monotonic())

    def sweep(self) -> int:
        """Remove what is old; the number of files removed."""
        if not self._believe_clock():
            return 0
        oldest = self._clock.time() - self._days * _DAY
        removed = 0
        for directory in self._directories:
            with os.scandir(directory.fd) as entries:
                for entry in entries:
                    if removed >= MAX_REMOVALS:
                        return removed
                    removed += not entry.name.startswith(".") and self._remove(directory, entry, oldest)
        if removed:
            log.info("Removed %d files older than %d days", removed, self._days)
        return removed

    def _believe_clock(self) -> bool:
        """Whether the date can be trusted: one that is suddenly days ahead would make everything old at once.

        It may be right after all, as when the machine has slept, so it is believed once it has stayed for a day.
        """
        date, monotonic = self._clock.time(), self._clock.monotonic()
        passed = monotonic - self._believed[1]
        ahead = date - self._believed[0] - passed
        if ahead > _DAY and passed < _DAY:
            log.warning("The clock is %.1f days ahead of itself: no old files are removed now", ahead / _DAY)
            return False
        self._believed = (date, monotonic)
        return True

    def _remove(self, directory: DropDir, entry: os.DirEntry[str], oldest: float) -> bool:
        """Remove one entry if it is old; links and pipes are removed, never followed or opened."""
        try:
            found = entry.stat(follow_symlinks=False)
            # The ctime is when it came here: a dropped file brings its mtime along, and may be years old by that.
            if max(found.st_mtime, found.st_ctime) >= oldest:
                return False
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(entry.name, dir_fd=directory.fd)
            else:
                os.unlink(entry.name, dir_fd=directory.fd)
        except FileNotFoundError:
            return False
        except OSError as error:
            log.warning("%s/%s is old and cannot be removed: %s", directory.path, entry.name, error.strerror)
            return False
        return True
