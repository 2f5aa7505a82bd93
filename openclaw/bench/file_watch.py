"""FileWatch: blocks until files come or go, on the kernel's word. Used by one thread."""

from __future__ import annotations

import select
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from openclaw.bench.figure import NotMeasured
from openclaw.clock import Clock
from openclaw.spool import IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO, Inotify
from openclaw.spool.inotify import IN_Q_OVERFLOW

_GONE = IN_DELETE | IN_MOVED_FROM

PATIENCE = 60.0
"""Seconds without any change after which what is waited for is given up."""


class Seen(NamedTuple):
    """An entry that came, or else went, and the monotonic time at which we were told."""

    directory: Path
    name: str
    came: bool
    at: float


class FileWatch:
    """What happens in some directories from now on; hidden names are left out."""

    def __init__(self, clock: Clock, *directories: Path) -> None:
        self._clock = clock
        self._inotify = Inotify()
        self._poll = select.poll()
        self._poll.register(self._inotify.fileno(), select.POLLIN)
        self._directories: dict[int, Path] = {}
        for directory in directories:
            self.add(directory)

    def add(self, directory: Path) -> None:
        wd = self._inotify.add_watch(directory, IN_CREATE | IN_MOVED_TO | _GONE)
        self._directories[wd] = directory

    def close(self) -> None:
        self._inotify.close()

    def next(self) -> list[Seen]:
        """Block until something has happened. Raises NotMeasured after PATIENCE, or where the kernel lost events."""
        if not self._poll.poll(PATIENCE * 1000):
            raise NotMeasured(f"nothing has changed for {PATIENCE:.0f} s in {[*map(str, self._directories.values())]}")
        events = self._inotify.read()
        now = self._clock.monotonic()
        if any(event.mask & IN_Q_OVERFLOW for event in events):
            raise NotMeasured("more files came than inotify keeps events for")
        return [
            Seen(self._directories[event.wd], event.name, not event.mask & _GONE, now)
            for event in events
            if event.wd in self._directories and event.name and not event.name.startswith(".")
        ]

    def until(self, fact: Callable[[], bool]) -> None:
        """Return once `fact()` holds; it is asked again after every change."""
        while not fact():
            self.next()

    def until_seen(self, *names: str, gone: str = "") -> dict[str, float]:
        """Return when all of these names came, and `gone` went, with the monotonic time at which each came first."""
        wanted = set(names)
        seen: dict[str, float] = {}
        left = {gone} - {""}
        while left or len(seen) < len(wanted):
            for one in self.next():
                if one.came and one.name in wanted:
                    seen.setdefault(one.name, one.at)
                elif not one.came:
                    left.discard(one.name)
        return seen
