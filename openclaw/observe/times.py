"""Times: how long replies took over the last hours, by route, and the tokens they used.

A ring of periods; each keeps how its times are spread in steps of 5 %, so that its size does not grow with what it
counts. Written by delivery's thread, read by any; one lock guards the ring. Nothing of it outlives the process.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from openclaw.clock import Clock

PERIOD: Final = 300
"""Seconds of a period."""

PERIODS: Final = 144
"""Periods that are kept: twelve hours."""

KINDS: Final = ("prepTime", "agentTime", "totalTime")
TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")

_STEP: Final = math.log(1.05)


class Spread:
    """How whole milliseconds are spread: the count in each step of 5 %."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0

    def add(self, milliseconds: int) -> None:
        step = 1 + math.floor(math.log(milliseconds) / _STEP) if milliseconds >= 1 else 0
        self._counts[step] = self._counts.get(step, 0) + 1
        self._total += 1

    def quantile(self, share: float) -> int:
        """The milliseconds that `share` of the values do not exceed, within 2.5 %; 0 of none."""
        left = max(1, math.ceil(share * self._total))
        for step, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return round(math.exp((step - 0.5) * _STEP)) if step else 0
        return 0


class _Row:
    """One route's replies in one period."""

    def __init__(self) -> None:
        self.count = self.failed = 0
        self.spreads = {kind: Spread() for kind in KINDS}
        self.tokens = dict.fromkeys(TOKENS, 0)

    def add(self, reply: Mapping[str, Any]) -> None:
        self.count += 1
        self.failed += reply["status"] == "failed"
        for kind, spread in self.spreads.items():
            spread.add(reply["timing"][kind])
        for kind in TOKENS:
            self.tokens[kind] += reply.get("usage", {}).get(kind, 0)

    def to_json(self, at: int, route: str) -> dict[str, Any]:
        times = {
            kind: {"p50": spread.quantile(0.5), "p95": spread.quantile(0.95)} for kind, spread in self.spreads.items()
        }
        return {"at": at, "route": route, "count": self.count, "failed": self.failed, **times, "tokens": self.tokens}


class Times:
    """The last PERIODS periods in which there was a reply."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Guarded by _lock: (when a period began, in seconds since 1970, its rows by route), the latest last.
        self._periods: deque[tuple[int, dict[str, _Row]]] = deque(maxlen=PERIODS)

    def add(self, reply: Mapping[str, Any]) -> None:
        """Count a reply, as its sender sees it."""
        at = self._period()
        with self._lock:
            if not self._periods or self._periods[-1][0] < at:  # a clock that is set back counts on where it was
                self._periods.append((at, {}))
            self._periods[-1][1].setdefault(reply["route"], _Row()).add(reply)

    def all(self) -> dict[str, Any]:
        """{"period_s", "now", "rows"} of the last hours; a row is one route in one period."""
        return self._shown(self._period() - PERIOD * PERIODS)

    def latest(self) -> dict[str, Any]:
        """As `all`, of the period that runs now."""
        return self._shown(self._period() - 1)

    def _period(self) -> int:
        return int(self._clock.time() // PERIOD) * PERIOD

    def _shown(self, after: int) -> dict[str, Any]:
        with self._lock:
            rows = [
                row.to_json(at, route) for at, routes in self._periods if at > after for route, row in routes.items()
            ]
        return {"period_s": PERIOD, "now": int(self._clock.time()), "rows": rows}
