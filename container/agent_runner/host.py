"""TurnHost: the host as one turn's engine sees it. Calls and events go out through the turn's channel.

Made for each turn by the thread that runs it, used by any thread of the turn, closed when the engine has answered.
It costs nothing until something is called or told.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from agent_runner.calls import Calls
from agent_runner.events import EventLog
from agent_runner.turn import Turn
from openclaw.errors import CallRefused
from openclaw.message import Record
from openclaw.message.frames import MAX_CALLS, MAX_EVENT, MAX_EVENT_DETAIL, MAX_EVENT_NAME

_DELTA = MAX_EVENT // 8
"""Characters of one delta: as JSON a character has six bytes at most."""


class TurnHost:
    """What `agent_runner.engines.engine.Host` promises, for the turn `turn`.

    `recorded` is what the turn leaves to its session, for the thread that runs it; None where that is nothing.
    """

    def __init__(self, turn: Turn, calls: Calls, open_events: Callable[[str], int]) -> None:
        self._turn = turn
        self._calls = calls
        self._events = EventLog(turn.id, open_events, turn.cancel)
        self.recorded: Record | None = None
        self._numbers = itertools.count(1)  # `next` is atomic: no two threads get the same

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        if number > MAX_CALLS:
            raise CallRefused(f"a turn may ask the host {MAX_CALLS} times; finish this one")
        turn = self._turn
        return self._calls.ask(turn.id, number, tool, arguments, cancel=turn.cancel, limit=turn.limit)

    def delta(self, text: str) -> None:
        for begin in range(0, len(text), _DELTA):
            self._events.append({"kind": "delta", "text": text[begin : begin + _DELTA]})

    def tool(self, name: str, detail: str = "") -> None:
        event = {"kind": "tool", "name": name[:MAX_EVENT_NAME]}
        if detail:
            event["detail"] = detail[:MAX_EVENT_DETAIL]
        self._events.append(event)

    def record(self, record: Record) -> None:
        self.recorded = record

    def close(self) -> None:
        """The engine has answered: nothing more is told."""
        self._events.close()
