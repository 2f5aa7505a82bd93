"""The health check of one container: pings out, pongs in, and a verdict when they stay out.

Pure bookkeeping, owned by the main agent's thread; it is told the time's passing and asks for pings.
"""

from __future__ import annotations

MISSES = 2
"""Unanswered checks in a row after which a container counts as hung: one may fall into a moment of load."""

PATIENCE = 10.0
"""Longest time in seconds that a pong is waited for."""


class HealthCheck:
    """At most one ping is out at a time. `ping` names the next one, `missed` tells whether it is the last straw."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.patience = min(interval, PATIENCE)
        self._count = 0
        self._misses = 0
        self._waiting_for = ""

    def ping(self) -> str:
        """The id of a new ping; a pong to an older one no longer counts."""
        self._count += 1
        self._waiting_for = f"h{self._count}"
        return self._waiting_for

    def pong(self, ping_id: str) -> bool:
        """Whether this answers the ping that is out."""
        if ping_id != self._waiting_for:
            return False
        self._waiting_for = ""
        self._misses = 0
        return True

    def missed(self, ping_id: str) -> bool | None:
        """A ping is overdue: True where that makes it hung, False where one more is due, None where it was answered."""
        if ping_id != self._waiting_for:
            return None
        self._misses += 1
        return self._misses >= MISSES
