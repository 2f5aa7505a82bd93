"""EventHub: tells what happens to messages to any number of readers, as it happens and again for who comes later.

Published by the agents' threads, the committer's and delivery's, none of which ever waits for a reader; read by
connection threads, each on an event of its own. A reader is no more than a place in its message's log: a slow one keeps
nothing, one that goes away leaves nothing behind.

Kept are the logs of messages in flight that have begun or have a reader, and of those that finished last. One lock
guards all of them; what is done under it takes microseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from openclaw.delivery.event_log import EventLog
from openclaw.delivery.sent_event import Kept, Position, SentEvent

if TYPE_CHECKING:
    from openclaw.containers.event_tail import Event

MAX_SIZE: Final = 1024 * 1024
"""Bytes of one message's log; beyond it the older events are folded."""

MAX_TOTAL: Final = 16 * 1024 * 1024
"""Bytes of all logs. Beyond it finished ones go, the oldest first, and whoever still writes is folded to SCARCE."""

SCARCE: Final = 64 * 1024

MAX_FINISHED: Final = 1000
"""Finished messages whose events are kept; of the others there is only `done`."""

BATCH: Final = 256
"""Events that a reader gets at once."""

FindReply = Callable[[str], dict[str, Any] | None]


class EventHub:
    """The events of messages in flight and lately finished.

    `reply(id)` is the reply of an answered message, `in_flight(id)` whether it is accepted and not settled. A reply
    must be there before `done` is told, and be told before the message is no longer in flight.
    """

    def __init__(self, reply: FindReply, in_flight: Callable[[str], bool]) -> None:
        self._reply = reply
        self._in_flight = in_flight
        self._lock = threading.Lock()
        # Guarded by _lock: both tables, the finished one with the latest read last, the logs in them, and their size.
        self._live: dict[str, EventLog] = {}
        self._finished: OrderedDict[str, EventLog] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """About the bytes that all logs take."""
        with self._lock:
            return self._size

    def __len__(self) -> int:
        """The messages whose events are kept."""
        with self._lock:
            return len(self._live) + len(self._finished)

    # Published

    def started(self, message_id: str, attempt: int, route: str) -> None:
        """The runner has begun on an attempt."""
        self._write(message_id, lambda log: log.started(attempt, route), new=True)

    def lines(self, message_id: str, attempt: int, events: list[Event]) -> None:
        """What the runner has written: deltas and tool uses."""

        def write(log: EventLog) -> None:
            for number, body in events:
                log.line(attempt, number, body)

        self._write(message_id, write, new=True)

    def subagent(self, parent: str, record: dict[str, Any]) -> None:
        """Something has become of a subagent: {"id", "status"}. Nothing is told of a parent that is not at work."""
        self._write(parent, lambda log: log.subagent(record))

    def message(self, parent: str, record: dict[str, Any]) -> None:
        """The agent at work on `parent` has sent something: {"id", "session", "text"}."""
        self._write(parent, lambda log: log.message(record))

    def done(self, message_id: str) -> None:
        """The reply is durable: nothing more is told of the message."""
        with self._lock:
            log = self._live.pop(message_id, None)
            if log is None:
                return
            self._finished[message_id] = log
            woken = self._change(log, EventLog.finish)
        _set(woken)

    def _write(self, message_id: str, write: Callable[[EventLog], None], *, new: bool = False) -> None:
        """Have `write` add to the log; for one that is `new` a log is made."""
        with self._lock:
            log = self._live.get(message_id)
            if log is None:
                if not new or message_id in self._finished:
                    return
                log = self._make(message_id)
            woken = self._change(log, write)
        _set(woken)

    # Called with _lock held

    def _make(self, message_id: str) -> EventLog:
        log = self._live[message_id] = EventLog(message_id)
        self._size += log.size
        return log

    def _change(self, log: EventLog, act: Callable[[EventLog], None]) -> list[threading.Event]:
        """Change the log and keep everything within bounds; who is to be woken for it."""
        self._resize(log, act)
        if not log.finished:
            self._resize(log, lambda log: log.shrink(MAX_SIZE))
        while self._finished and (self._size > MAX_TOTAL or len(self._finished) > MAX_FINISHED):
            _, oldest = self._finished.popitem(last=False)
            self._size -= oldest.size
        if self._size > MAX_TOTAL and not log.finished:
            self._resize(log, lambda log: log.shrink(SCARCE))
        woken, log.waiting = log.waiting, []
        return woken

    def _resize(self, log: EventLog, act: Callable[[EventLog], None]) -> None:
        before = log.size
        act(log)
        self._size += log.size - before

    # Read

    def open(self, message_id: str, after: str = "") -> Reader | None:
        """A reader of what comes after the event with the id `after`; None for a message that is not known."""
        position = Position.parse(after)
        with self._lock:
            log = self._live.get(message_id)
            if log is None and message_id in self._finished:
                self._finished.move_to_end(message_id)
                log = self._finished[message_id]
            if log is not None:
                return Reader(self._lock, log, log.resume(position), self._reply)
            log = self._make(message_id)
        return self._reader_of_unknown(log, position)

    def _reader_of_unknown(self, log: EventLog, position: Position) -> Reader | None:
        """Looked for after the log was made: a reply that came before is on the disk, one that comes later is told."""
        known = False
        try:
            reply = self._reply(log.message_id)
            known = reply is None and self._in_flight(log.message_id)
            if reply is None and not known:
                reply = self._reply(log.message_id)  # it came in between
        finally:
            if not known:
                self._drop(log)
        if not known:
            if reply is None:
                return None
            log = EventLog.of_finished(log.message_id)
        with self._lock:
            return Reader(self._lock, log, position, self._reply)

    def _drop(self, log: EventLog) -> None:
        """There is nothing to wait for; whoever has come to the log meanwhile is told the end."""
        with self._lock:
            if self._live.get(log.message_id) is not log:
                return  # it is done, in the same moment
            del self._live[log.message_id]
            self._size -= log.size
            log.finish()
            woken, log.waiting = log.waiting, []
        _set(woken)


class Reader:
    """One reader's place in a message's log. Belongs to one thread."""

    def __init__(self, lock: threading.Lock, log: EventLog, position: Position, reply: FindReply) -> None:
        """Called with `lock`, the hub's, held."""
        self._lock = lock
        self._log = log
        self._position = position
        self._reply = reply
        self.ended = log.finished and not log.after(position, 1)
        """Whether `done` was told, here or to the reader whose place this one took: nothing comes after it."""

    def next(self, wake: threading.Event, timeout: float) -> list[SentEvent]:
        """What comes next; nothing after `timeout` seconds, at the end, and when somebody else sets `wake`."""
        found = self._take(wake, wait=True)
        if not found and not self.ended:
            wake.wait(timeout)
            found = self._take(wake, wait=False)
        return [self._sent(kept) for kept in found]

    def _take(self, wake: threading.Event, *, wait: bool) -> list[Kept]:
        """What there is; where there is nothing, `wake` is set when there is, or with `wait` off no longer is."""
        with self._lock:
            found = self._log.after(self._position, BATCH)
            if found:
                self._position = found[-1].position
                self.ended = found[-1].name == "done"
            elif wait and not self.ended:
                self._log.waiting.append(wake)
            elif wake in self._log.waiting:
                self._log.waiting.remove(wake)
        return found

    def _sent(self, kept: Kept) -> SentEvent:
        if kept.name == "done":
            kept = kept._replace(payload=self._reply(self._log.message_id) or {"id": self._log.message_id})
        return kept.sent()


def _set(woken: list[threading.Event]) -> None:
    for wake in woken:
        wake.set()
