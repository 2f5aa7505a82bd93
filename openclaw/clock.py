"""Time, injected: the clock, and the one thread that calls back later.

Owns the heap of pending calls. `Timers.call_later` may be called from any thread, callbacks run on the timers'
thread and must be quick: they post an event to whoever owns the state. Nothing here ever sleeps: the thread
waits on a condition until the earliest call is due.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)


class Clock(Protocol):
    """Where durations (`monotonic`, seconds) and dates (`time`, seconds since 1970) come from."""

    def monotonic(self) -> float: ...

    def time(self) -> float: ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()


class Timer:
    """One pending call; `cancel` before it is due and it never comes."""

    __slots__ = ("_callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self._callback: Callable[[], None] | None = callback

    @property
    def pending(self) -> bool:
        return self._callback is not None

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Alarms(Protocol):
    """What calls back later: `Timers` in the service, a hand-driven one in the tests."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer: ...


COMPACT_AT = 1024
"""Timers in the heap at which cancelled ones are first thrown out; they would stay until they come due."""


class Timers:
    """Calls back after a delay in seconds. The heap holds at most twice what is pending, and COMPACT_AT."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._changed = threading.Condition()
        # Guarded by _changed: _heap of (due, order, timer), the size at which it is compacted, and _closed. Callbacks
        # run without the lock.
        self._heap: list[tuple[float, int, Timer]] = []
        self._compact_at = COMPACT_AT
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; what is pending never comes."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` on the timers' thread after `delay` seconds."""
        timer = Timer(self._clock.monotonic() + delay, callback)
        with self._changed:
            heapq.heappush(self._heap, (timer.due, next(self._order), timer))
            if len(self._heap) > self._compact_at:
                self._compact()
            if self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def _compact(self) -> None:
        """Called with _changed held: a pass over the heap for every doubling costs each timer a constant."""
        self._heap = [entry for entry in self._heap if entry[2].pending]
        heapq.heapify(self._heap)
        self._compact_at = max(COMPACT_AT, 2 * len(self._heap))

    def _run(self) -> None:
        while (timer := self._next()) is not None:
            try:
                timer.fire()
            except Exception:  # the top of the thread: one bad callback must not end all timers
                log.exception("a timer's callback failed")

    def _next(self) -> Timer | None:
        with self._changed:
            while not self._closed:
                if not self._heap:
                    self._changed.wait()
                    continue
                wait = self._heap[0][0] - self._clock.monotonic()
                if wait <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait)
            return None
