"""Time by hand: nothing in a test waits for the real clock."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from openclaw.clock import Timer


class FakeClock:
    """A clock that stands still until `advance`."""

    def __init__(self, monotonic: float = 1000.0, time: float = 1_800_000_000.0) -> None:
        self._monotonic = monotonic
        self._time = time

    def monotonic(self) -> float:
        return self._monotonic

    def time(self) -> float:
        return self._time

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._time += seconds

    def set_date(self, time: float) -> None:
        """Set the date, of which durations know nothing."""
        self._time = time


class ManualTimers:
    """Alarms that ring when the test says so, on the test's thread, in the order in which they are due."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(self.clock.monotonic() + delay, callback)
        with self._changed:
            heapq.heappush(self._heap, (timer.due, next(self._order), timer))
            self._changed.notify_all()
        return timer

    def wait_pending(self, count: int = 1, timeout: float = 10.0) -> None:
        """Block until at least `count` timers that were not cancelled are pending."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.delays()) >= count, timeout), "no timer was set"

    def wait_set(self, delay: float, timeout: float = 10.0) -> None:
        """Block until a timer is pending that comes due in just `delay` seconds."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(abs(one - delay) < 1e-6 for one in self.delays()), timeout)
            assert found, f"no timer was set to {delay} s, only to {self.delays()}"

    def delays(self) -> list[float]:
        """Seconds until each pending timer, soonest first."""
        now = self.clock.monotonic()
        return [due - now for due, _, timer in sorted(self._heap, key=lambda row: row[:2]) if timer.pending]

    def advance(self, seconds: float) -> None:
        """Move the clock and ring what comes due on the way."""
        end = self.clock.monotonic() + seconds
        while True:
            with self._changed:
                if not self._heap or self._heap[0][0] > end:
                    break
                due, _, timer = heapq.heappop(self._heap)
            self.clock.advance(max(0.0, due - self.clock.monotonic()))
            timer.fire()
        self.clock.advance(end - self.clock.monotonic())
