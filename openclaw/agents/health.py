"""The health check of one container: pings out, pongs in, and a word to its owner when they stay out.

Belongs to the main agent's thread, which calls everything here; lives as long as the container, or until `stop`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from openclaw.errors import RuntimeFailure

if TYPE_CHECKING:
    from openclaw.agents.running_turns import Later
    from openclaw.clock import Timer

log = logging.getLogger(__name__)

MISSES: Final = 2
"""Unanswered checks in a row after which a container counts as hung: one may fall into a moment of load."""

PATIENCE: Final = 10.0
"""Longest time in seconds that a pong is waited for."""

RETRY: Final = 1.0
"""Seconds until a ping that the disk did not take is written again; it says nothing about the container."""


class HealthCheck:
    """At most one ping is out at a time, and the next one follows `interval` seconds after it was answered.

    `send` writes a ping to the container. `answered` is told of each pong that counts, `missed` of each check that
    went unanswered, and whether that was the last straw.
    """

    def __init__(
        self,
        interval: float,
        *,
        send: Callable[[str], None],
        later: Later,
        answered: Callable[[], None],
        missed: Callable[[bool], None],
    ) -> None:
        self.patience = min(interval, PATIENCE)
        self._interval = interval
        self._send = send
        self._later = later
        self._answered = answered
        self._missed = missed
        self._count = 0
        self._misses = 0
        self._waiting_for = ""
        self._overdue_at: Timer | None = None
        self._has_answered = False  # how long the first pong may take is the owner's to say
        self._stopped = False

    def begin(self) -> None:
        """Send the first ping, or another one now; a pong to an older one no longer counts."""
        if self._stopped:
            return
        self._count += 1
        self._waiting_for = ping_id = f"h{self._count}"
        try:
            self._send(ping_id)
        except (OSError, RuntimeFailure) as error:
            log.warning("Health check: the ping could not be written: %s", error)
            self._call_off()
            self._later(RETRY, self.begin)
            return
        if self._has_answered and (self._overdue_at is None or not self._overdue_at.pending):
            self._overdue_at = self._later(self.patience, self._overdue, ping_id)

    def stop(self) -> None:
        """Send no more, and judge nothing."""
        self._stopped = True

    def pong(self, ping_id: str) -> None:
        """The container has answered a ping."""
        if self._stopped or ping_id != self._waiting_for:
            return
        self._waiting_for = ""
        self._call_off()
        self._misses = 0
        self._has_answered = True
        self._later(self._interval, self.begin)
        # Set now: with the ping it would be the earliest, and wake the timers' thread just to hear of it.
        self._overdue_at = self._later(self._interval + self.patience, self._overdue, f"h{self._count + 1}")
        self._answered()

    def _call_off(self) -> None:
        if self._overdue_at is not None:
            self._overdue_at.cancel()

    def _overdue(self, ping_id: str) -> None:
        if self._stopped or ping_id != self._waiting_for:
            return
        self._misses += 1
        hung = self._misses >= MISSES
        self._missed(hung)
        if not hung:
            self.begin()
