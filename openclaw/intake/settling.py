"""Settling: when to stop waiting for the rest of a dropped file.

No beginning of a JSON object is an object itself, so a file that reads as one is complete, however it came. One that
does not may still be written: while some process has it open for writing it is waited for without limit, otherwise
until it has not changed for GRACE seconds, for `>` may be followed by `>>`.

Kept by the inbox's thread only. Holds one entry for each unfinished file of the latest scan.
"""

from __future__ import annotations

from typing import NamedTuple

from openclaw.clock import Clock
from openclaw.errors import FileRefused, InvalidMessage
from openclaw.message import load_object
from openclaw.spool import DropDir, Origin

GRACE = 2.0
"""Seconds without change after which an incomplete file counts as finished."""

_ROUNDING = 0.001  # a timer that was set for the end of the grace may be early by a float's rounding


class _Sight(NamedTuple):
    """What an unfinished file looked like, and since when (seconds, monotonic)."""

    origin: Origin
    size: int
    since: float


class Settling:
    """Tells finished files from unfinished ones. `max_bytes` is the largest file that is looked into."""

    def __init__(self, inbox: DropDir, max_bytes: int, clock: Clock) -> None:
        self._inbox = inbox
        self._max_bytes = max_bytes
        self._clock = clock
        self._unfinished: dict[str, _Sight] = {}

    def finished(self, name: str) -> bool:
        """Whether waiting any longer changes nothing: it can be taken, or be refused for good. False if it is gone."""
        seen = self._unfinished.pop(name, None)
        try:
            taken = self._inbox.read_at_rest(name, self._max_bytes)
        except FileNotFoundError:
            return False
        except FileRefused:
            return True
        if taken is None:
            return False  # its CLOSE_WRITE tells
        try:
            load_object(taken.data)
        except InvalidMessage:
            return self._rested(name, seen, taken.origin, len(taken.data))
        return True

    def keep(self, names: set[str]) -> None:
        """Forget all files but these."""
        self._unfinished = {name: sight for name, sight in self._unfinished.items() if name in names}

    def next_due(self) -> float | None:
        """Seconds until the first unfinished file has had its grace, None where there is none."""
        if not self._unfinished:
            return None
        soonest = min(sight.since for sight in self._unfinished.values())
        return max(0.0, soonest + GRACE - self._clock.monotonic())

    def _rested(self, name: str, seen: _Sight | None, origin: Origin, size: int) -> bool:
        now = self._clock.monotonic()
        if seen is None or (seen.origin, seen.size) != (origin, size):
            seen = _Sight(origin, size, now)
        if now - seen.since >= GRACE - _ROUNDING:
            return True
        self._unfinished[name] = seen
        return False
