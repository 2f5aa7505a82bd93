"""Live: the present state of things, told to any number of readers whenever it changes.

A state has topics, each rendered by a function to one JSON object. Whoever changes something says which topic it
belongs to; that takes a microsecond, and nothing is rendered while nobody listens. The timers' thread renders, at most
once every PAUSE and once for all readers, so that a hundred agents at work cost no more than ten pictures a second.
A reader holds the number of what it has seen: a slow one misses states between, never the last.

`changed` may be called by any thread; a reader belongs to one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock

PAUSE: Final = 0.1
"""Seconds between two renderings."""


class Told(NamedTuple):
    """One event: the state of a topic."""

    number: int
    name: str
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.number)


class Live:
    """`topics` renders each topic; the functions are called on the timers' thread and must be quick."""

    def __init__(self, topics: Mapping[str, Callable[[], dict[str, Any]]], alarms: Alarms, clock: Clock) -> None:
        self._topics = topics
        self._alarms = alarms
        self._clock = clock
        self._lock = threading.Lock()
        # Guarded by _lock: the topics that have changed since they were rendered, whether rendering is due, when it
        # was done last, who waits for it, and what was told last of each topic.
        self._dirty = set(topics)
        self._scheduled = False
        self._rendered_at = float("-inf")
        self._waiting: list[threading.Event] = []
        self._told: dict[str, Told] = {}
        self._last = 0

    def changed(self, topic: str) -> None:
        """Something of `topic` is another way now."""
        with self._lock:
            self._dirty.add(topic)
            delay = self._delay()
        self._schedule(delay)

    def open(self) -> LiveReader:
        """A reader that is told the state of every topic, and each change from then on."""
        with self._lock:
            self._dirty.update(self._topics)  # what is kept may be old: nothing is rendered while nobody listens
            return LiveReader(self, self._last)

    def take(self, seen: int, wake: threading.Event, *, wait: bool) -> list[Told]:
        """What was told after number `seen`; where that is nothing, `wake` is set when there is, if it is to `wait`."""
        with self._lock:
            found = sorted(told for told in self._told.values() if told.number > seen)
            if wake in self._waiting:
                self._waiting.remove(wake)
            if not found and wait:
                self._waiting.append(wake)
            delay = self._delay()
        self._schedule(delay)
        return found

    def _delay(self) -> float | None:
        """Seconds until the next rendering, which the caller is to schedule; None: not due. With _lock held."""
        if self._scheduled or not self._dirty or not self._waiting:
            return None
        self._scheduled = True
        return max(0.0, self._rendered_at + PAUSE - self._clock.monotonic())

    def _schedule(self, delay: float | None) -> None:
        if delay is not None:
            self._alarms.call_later(delay, self._render)

    def _render(self) -> None:
        """On the timers' thread."""
        with self._lock:
            topics, self._dirty = self._dirty, set()
            self._scheduled = False  # what changes from now on is not in the picture: it is due again
            self._rendered_at = self._clock.monotonic()
        rendered = {topic: self._topics[topic]() for topic in sorted(topics)}
        with self._lock:
            for topic, data in rendered.items():
                self._last += 1
                self._told[topic] = Told(self._last, topic, data)
            woken, self._waiting = self._waiting, []
        for wake in woken:
            wake.set()


class LiveReader:
    """One reader's place."""

    ended = False
    """Never: the state of things has no end."""

    def __init__(self, live: Live, seen: int) -> None:
        self._live = live
        self._seen = seen

    def next(self, wake: threading.Event, timeout: float) -> list[Told]:
        """What has changed; nothing after `timeout` seconds, and when somebody else sets `wake`."""
        found = self._live.take(self._seen, wake, wait=True)
        if not found:
            wake.wait(timeout)
            found = self._live.take(self._seen, wake, wait=False)
        if found:
            self._seen = found[-1].number
        return found
