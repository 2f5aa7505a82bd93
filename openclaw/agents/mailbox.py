"""Mailbox: one thread that owns a state, and the bounded queue of events by which everybody else reaches it.

`post` may be called from any thread. The handler runs on the mailbox's own thread, one event after another, so
that the state it changes needs no lock. Nothing but the handler ever runs there, and what puts its state in order after
an event that it could not handle: a bug costs what the event was about, never the thread or what waits behind it.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from openclaw.errors import OpenClawError

log = logging.getLogger(__name__)

E = TypeVar("E")


class Mailbox(Generic[E]):
    """Events in, `handle(event)` on one thread; `recover()` there after an event that raised, whatever it raised.

    `capacity` is set so that it never fills: a full one is a fault.
    """

    def __init__(self, name: str, handle: Callable[[E], None], recover: Callable[[], None], capacity: int) -> None:
        self._name = name
        self._handle = handle
        self._recover = recover
        self._capacity = capacity
        # A SimpleQueue wakes its reader once; one with a bound of its own has a lock to hand over as well.
        self._events: queue.SimpleQueue[E | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def make_room(self, events: int) -> None:
        """Hold so many more; before `start`."""
        self._capacity += events

    def start(self) -> None:
        self._thread.start()

    def post(self, event: E) -> None:
        """Hand `event` over, without waiting. Raises OpenClawError where the owner has stopped taking events."""
        if self._events.qsize() >= self._capacity:
            raise OpenClawError(f"the {self._name} thread takes no more events; restart the service")
        self._events.put(event)

    def close(self) -> None:
        """Handle what was posted before, then end the thread."""
        self._events.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._handle(event)
            except Exception:  # the top of the thread: one bad event must not end the owner of the state
                log.exception("%s could not handle an event; what it was about is given up", self._name)
                self._give_up()

    def _give_up(self) -> None:
        try:
            self._recover()
        except Exception:  # still the top of the thread
            log.exception("%s could not put its state in order after that", self._name)
