"""EngineHealth: whether the engine starts containers, and when a start is worth trying.

An engine is healthy when starts return, not when `ps` answers: a wedged one still lists containers while every
start hangs. Called from any thread; calls nothing back.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from openclaw.clock import Clock

log = logging.getLogger(__name__)

MAX_OVERDUE: Final = 3
"""Starts in a row that did not return before the engine is taken for wedged."""
FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 5.0

_RESTART_HINT = "restart it with `systemctl restart docker` (without systemd: end dockerd and start it again)"


class EngineHealth:
    """Counts starts that failed because of the engine, and backs off from 0.5 to 5 s."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Guarded by _lock: _overdue, _backoff, _not_before, _told.
        self._overdue = 0
        self._backoff = 0.0
        self._not_before = 0.0
        self._told = False

    def delay(self) -> float:
        """Seconds until a start may be tried; 0.0 while the engine is healthy."""
        with self._lock:
            if not self._backoff:
                return 0.0
            return max(0.0, self._not_before - self._clock.monotonic())

    def started(self) -> None:
        """A start returned: the engine is healthy."""
        with self._lock:
            told, self._told = self._told, False
            self._overdue, self._backoff = 0, 0.0
        if told:
            log.info("The engine starts containers again")

    def overdue(self) -> None:
        """A start did not return in time."""
        with self._lock:
            self._overdue += 1
            wedged = self._overdue >= MAX_OVERDUE
            tell = wedged and self._back_off()
        if tell:
            log.error("The engine has not returned from %d starts: %s", MAX_OVERDUE, _RESTART_HINT)

    def unavailable(self, reason: str) -> None:
        """The engine could not be reached."""
        with self._lock:
            tell = self._back_off()
        if tell:
            log.error("No container can be started: %s", reason)

    def reached(self) -> None:
        """The engine answers again after it was away. A wedged one has to prove itself by a start."""
        with self._lock:
            wedged = self._overdue >= MAX_OVERDUE
        if not wedged:
            self.started()

    def _back_off(self) -> bool:
        """Called with _lock held: wait twice as long as before; True the first time since the engine was healthy."""
        self._backoff = min(MAX_DELAY, self._backoff * 2 or FIRST_DELAY)
        self._not_before = self._clock.monotonic() + self._backoff
        told, self._told = self._told, True
        return not told
