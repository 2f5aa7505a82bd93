"""Inbox: what a conversation's threads have to tell its main thread, in order and bounded.

Any thread puts; the main thread alone gets. A signal's handler, which runs on the main thread between any two of its
steps, may put too (`put_now`): the queue is one of C, which such a handler cannot find half done.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from openclaw.cli.event_stream import Event

SIZE: Final = 1024
"""Updates that may wait; whoever reads a stream of events waits then, and the service with it."""


class Happened(NamedTuple):
    """An event of a message that is followed."""

    message_id: str
    event: Event


class Away(NamedTuple):
    """The service cannot be reached, or does not take the message now; it is tried again."""

    message_id: str
    reason: str


class Back(NamedTuple):
    """The service is there again."""

    message_id: str


class Refused(NamedTuple):
    """The service does not take the message, or knows nothing of it; nothing more comes of it."""

    message_id: str
    reason: str


class WaitsFor(NamedTuple):
    """Why a message that is queued has not begun."""

    message_id: str
    reason: str


class NotCancelled(NamedTuple):
    """The message could not be cancelled."""

    message_id: str
    reason: str


class Arrived(NamedTuple):
    """The reply of a subagent."""

    message_id: str
    reply: dict[str, Any]


class Interrupted(NamedTuple):
    """Ctrl-C."""


class Line(NamedTuple):
    """A line of standard input; None at its end."""

    text: str | None


Update = Happened | Away | Back | Refused | WaitsFor | NotCancelled | Arrived | Interrupted | Line


class Inbox:
    """`wake` is called, on the thread that has put something, after it was put."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Update, bool]] = queue.SimpleQueue()  # audit: ok 6.2 put waits for room
        self._room = threading.Semaphore(SIZE)
        self.wake: Callable[[], None] = lambda: None

    def put(self, update: Update) -> None:
        """Blocks while SIZE updates wait."""
        self._room.acquire()
        self._waiting.put((update, True))
        self.wake()

    def put_now(self, update: Update) -> None:
        """For what a person does, of which there is little. Never blocks."""
        self._waiting.put((update, False))

    def get(self, timeout: float | None = None) -> Update | None:
        """The next update; None where none has come within `timeout` seconds."""
        try:
            update, counted = self._waiting.get(timeout=timeout)
        except queue.Empty:
            return None
        if counted:
            self._room.release()
        return update

    def get_now(self) -> Update | None:
        """The next update, None where none waits."""
        return None if self._waiting.empty() else self.get(0)
