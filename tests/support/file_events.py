"""Waiting for files: blocks on the kernel's word that a directory has changed, never on time but to give up."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from pathlib import Path

from openclaw.spool import IN_CLOSE_WRITE, IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO, Inotify


class FileEvents:
    """Changes in some directories, hidden files included."""

    def __init__(self, *directories: Path) -> None:
        self._inotify = Inotify()
        self.watch(*directories)
        self._poll = select.poll()
        self._poll.register(self._inotify.fileno(), select.POLLIN)

    def watch(self, *directories: Path) -> None:
        """Look again when something changes in these, too; those that are watched already may be among them."""
        for directory in directories:
            self._inotify.add_watch(directory, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM)

    def wake_for(self, fd: int) -> None:
        """Look again when `fd` is readable, too: a pidfd is, once its process has ended."""
        self._poll.register(fd, select.POLLIN)

    def until(self, fact: Callable[[], bool], timeout: float = 120.0) -> None:
        """Return once `fact()` holds; fails after `timeout` seconds in all, whatever else changes meanwhile."""
        deadline = time.monotonic() + timeout
        while not fact():
            left = deadline - time.monotonic()
            changed = self._poll.poll(left * 1000) if left > 0 else []
            assert changed, "what was waited for has not come about"
            self._inotify.read()

    def close(self) -> None:
        self._inotify.close()
