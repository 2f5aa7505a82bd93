"""Litter: what a container writes to `out/` that nobody waits for, put up with or removed within bounds.

Belongs to the thread that takes from `out/`, but for `remove` and `retire`, which any may call.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from typing import Final

from openclaw.errors import ChannelViolation
from openclaw.spool import DropDir

log = logging.getLogger(__name__)

MAX_STRAYS: Final = 64
"""Names that are no frame's and are put up with, as temporary files of a tool would be."""
MAX_LATE: Final = 4096
"""Frames that nobody expects, over a channel's life: those of turns that the host gave up."""


class Litter:
    """Of the container `cid`."""

    def __init__(self, cid: str, directory: DropDir) -> None:
        self._cid = cid
        self._directory = directory
        self._strays: set[str] = set()
        self._late = 0
        self._told_forged = False

    def put_up_with(self, name: str) -> None:
        """Let a file be that is no frame. Raises ChannelViolation for one too many."""
        self._strays.add(name)
        if len(self._strays) > MAX_STRAYS:
            raise ChannelViolation(f"container {self._cid} writes files that are no frames, such as {name[:80]!r}")

    def drop_unasked(self, name: str, *, forged: bool) -> None:
        """Remove what is about no turn in flight here: one that was given up, or, `forged`, somebody else's."""
        if not self._drop(name):
            return  # a turn that was given up may still append to events that are deleted
        if forged and not self._told_forged:
            self._told_forged = True  # once says enough, and nobody fills the log
            log.warning("%s from container %s is about nothing that it was given: dropped", name, self._cid)
        else:
            log.debug("%s from container %s answers nothing in flight, dropped", name, self._cid)

    def drop_answered(self, name: str) -> None:
        """Remove, unread, a call that has its result: a process that died in between has left it, or it comes again."""
        if self._drop(name):
            log.debug("%s from container %s has its result already, dropped", name, self._cid)

    def retire(self, name: str) -> bool:
        """As `remove`, for a frame, which is written once: it becomes a spare."""
        return self._gone(name, self._directory.retire)

    def remove(self, name: str) -> bool:
        """Remove a file; False where it is gone, or cannot be removed, which is said."""
        return self._gone(name, self._directory.remove)

    def _gone(self, name: str, act: Callable[[str], bool]) -> bool:
        try:
            return act(name)
        except OSError as error:  # a container may have put a directory in its place
            log.warning("%s from container %s cannot be removed: %s", name, self._cid, error.strerror)
            return False

    def _drop(self, name: str) -> bool:
        """Whether it was there. Raises ChannelViolation where it cannot be removed, or is one too many."""
        if not self.remove(name):
            if self._is_in_the_way(name):  # else it could be moved there, and be said in the log, without end
                raise ChannelViolation(f"{name} from container {self._cid} is no file that can be removed")
            return False
        self._late += 1
        if self._late > MAX_LATE:
            raise ChannelViolation(f"container {self._cid} has written {MAX_LATE} frames that nobody waits for")
        return True

    def _is_in_the_way(self, name: str) -> bool:
        """Whether the container has put there what it knows that the host cannot remove."""
        try:
            return not stat.S_ISREG(os.stat(name, dir_fd=self._directory.fd, follow_symlinks=False).st_mode)
        except OSError:
            return False
