"""When a crashed persistent container is started again, and when it is given up.

A pure record, owned by the main agent's thread.
"""

from __future__ import annotations

FIRST_DELAY = 1.0
"""Seconds before the first restart; each further one waits twice as long (1, 2, 4 s)."""

MAX_DELAY = 60.0


class Restarts:
    """Counts crashes. They are forgotten after a stretch of proven health, never by a mere start."""

    def __init__(self, limit: int, stable_after: float) -> None:
        self.limit = limit
        self.crashes = 0
        self._stable_after = stable_after
        self._healthy_since: float | None = None

    def crashed(self) -> float | None:
        """Count a crash: the seconds until the restart, None where it was one too many."""
        self.crashes += 1
        self._healthy_since = None
        if self.crashes > self.limit:
            return None
        return min(FIRST_DELAY * 2.0 ** (self.crashes - 1), MAX_DELAY)

    def healthy(self, now: float) -> None:
        """A health check was answered at `now`, monotonic seconds."""
        if self._healthy_since is None:
            self._healthy_since = now
        elif self.crashes and now - self._healthy_since >= self._stable_after:
            self.crashes = 0

    def doubtful(self) -> None:
        """A health check went unanswered: the stretch of health begins anew."""
        self._healthy_since = None

    def on_probation(self) -> None:
        """Tried again after a fallback: the next crash leads straight back to it."""
        self.crashes = self.limit
