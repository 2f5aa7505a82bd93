"""EventLog: the events of one message, numbered, once for all who read them, and within bounds.

    queued → started → delta, tool, subagent, message, … → done          (a second attempt: started once again)

`started` means: the text begins here. With the second attempt the events of the first are let go of. When there are
too many events the older half is folded: their deltas become one, of the joined text, and of each subagent the last
state stays. A reader that had seen only some of what was folded is told `started` once more, then the whole.

Guarded by the lock of the hub that has the log; nothing here blocks.
"""

from __future__ import annotations

import bisect
import threading
from sys import getsizeof
from typing import Any, Final

from openclaw.delivery.sent_event import Kept, Position

_QUEUED: Final = Position(1, 0, 1)
_EMPTY: Final = 1024
_ENTRY: Final = 208
"""Bytes that a log takes with nothing in it, and an event beside its strings; rounded up."""

_LAST_LINE: Final = 999_999_999
"""No file of events has so many lines: stands for the last one where that is not known any more."""


class EventLog:
    """`waiting` holds, for the hub, what to set when there is more; `size` is about what the log takes, in bytes."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.finished = False
        self.waiting: list[threading.Event] = []
        self.size = _EMPTY
        self._last = Position(1, 0, 2)  # 0.1 and 0.2 are given to queued and started
        self._queued: Kept | None = Kept(_QUEUED, "queued", {"id": message_id})
        self._started: Kept | None = None  # until there is one, readers see nothing of what comes after it
        self._recent: list[Kept] = []
        self._folded: Position | None = None  # of the last event that was folded
        self._text = ""  # of the deltas that were folded, but for the first _cut characters
        self._cut = 0
        self._subagents: dict[str, Kept] = {}  # the last state of each, of what was folded

    @classmethod
    def of_finished(cls, message_id: str) -> EventLog:
        """Of a message whose events are not kept any more: `done` alone, whatever its readers had seen."""
        log = cls(message_id)
        log._queued = None
        log._last = Position(1, _LAST_LINE, 0)
        log.finish()
        return log

    # Written

    def started(self, attempt: int, route: str) -> None:
        """The runner has begun on an attempt; lines that are found together with that may have come before."""
        self._begin(attempt)
        if attempt == self._last.attempt:
            data = {"id": self.message_id, "attempt": attempt, "route": route}
            self._started = Kept(Position(attempt, 0, 2), "started", data)

    def line(self, attempt: int, number: int, body: dict[str, Any]) -> None:
        """The line `number` of an attempt's file; one that was told already is let be."""
        self._begin(attempt)
        if (attempt, number) > self._last[:2]:
            self._last = Position(attempt, number, 0)
            if body["kind"] == "delta":
                self._append("delta", body["text"])
            else:
                self._append("tool", {"name": body["name"], "detail": body.get("detail", "")})

    def subagent(self, record: dict[str, Any]) -> None:
        """Something has become of a subagent."""
        self._add("subagent", record)

    def message(self, record: dict[str, Any]) -> None:
        """The agent has sent something before its reply; it is in the outbox, too."""
        self._add("message", record)

    def finish(self) -> None:
        """The reply is there; what it says is filled in by whoever reads, for it may be large."""
        self._last = self._last._replace(sub=self._last.sub + 1)
        self._append("done", {})
        self.finished = True

    def _add(self, name: str, record: dict[str, Any]) -> None:
        """An event of the host's own."""
        self._last = self._last._replace(sub=self._last.sub + 1)
        self._append(name, record)

    def _begin(self, attempt: int) -> None:
        if attempt > self._last.attempt:
            self._last = Position(attempt, 0, 2)
            self._started = self._folded = None
            self._text, self._cut = "", 0
            self._recent.clear()
            self._subagents.clear()
            self.size = _EMPTY

    def _append(self, name: str, payload: str | dict[str, Any]) -> None:
        self._recent.append(Kept(self._last, name, payload))
        self.size += _size(payload)

    # Kept within bounds

    def shrink(self, limit: int) -> None:
        """Fold until the log takes at most `limit` bytes, half of them by the text of what is folded."""
        while self.size > limit and self._recent:
            self._fold((len(self._recent) + 1) // 2, limit // 2)

    def _fold(self, count: int, limit: int) -> None:
        gone = self._recent[:count]
        del self._recent[:count]
        self.size -= sum(_size(event.payload) for event in gone) + getsizeof(self._text)
        for event in gone:
            if isinstance(event.payload, dict) and event.name == "subagent":
                self._remember(event.payload["id"], event)
        text = self._text + "".join(event.payload for event in gone if isinstance(event.payload, str))
        surplus = max(0, len(text) - len(text) * limit // getsizeof(text))
        self._text, self._cut = text[surplus:], self._cut + surplus
        self.size += getsizeof(self._text)
        self._folded = gone[-1].position

    def _remember(self, subagent: str, event: Kept) -> None:
        known = self._subagents.get(subagent)
        self.size += _size(event.payload) - (_size(known.payload) if known is not None else 0)
        self._subagents[subagent] = event

    # Read

    def resume(self, position: Position) -> Position:
        """Where a reader goes on that has seen the event at `position`.

        An event of the host's own that is not known here was told by an earlier process: what this one has told after
        the same line may be new.
        """
        last = self._last
        if position[:2] == last[:2] and position.sub > last.sub:
            return last._replace(sub=0 if last.line else 2)
        return position

    def after(self, position: Position, count: int) -> list[Kept]:
        """What comes next after `position`: at most `count` events, and what is told in the place of folded ones.

        A finished log always ends with `done`, even for one who has seen more of it than is known here.
        """
        found = [self._queued] if self._queued is not None and position < _QUEUED else []
        if self._started is not None:
            found += self._beginning(self._started, position)
            start = bisect.bisect_right(self._recent, position, key=lambda event: event.position)
            found += self._recent[start : start + count]
        if not found and self.finished and position != self._last:
            found = self._recent[-1:]
        return found

    def _beginning(self, started: Kept, position: Position) -> list[Kept]:
        """What stands before the recent events and is new to a reader at `position`."""
        folded = self._folded if self._folded is not None and position < self._folded else None
        found: list[Kept] = []
        if position < started.position or (folded is not None and position > started.position):
            found.append(started)
        if folded is not None:
            found += self._subagents.values()
            cut = {"cut": self._cut} if self._cut else {}
            found.append(Kept(folded, "delta", {"text": self._text, **cut}))
        return found


def _size(payload: str | dict[str, Any]) -> int:
    """About the bytes that an event takes."""
    if isinstance(payload, str):
        return _ENTRY + getsizeof(payload)
    return _ENTRY + getsizeof(payload) + sum(getsizeof(value) for value in payload.values())
