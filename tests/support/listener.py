"""A TurnListener that keeps what it is told, for a test to wait on."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from openclaw.agents.turn import Outcome, Turn
from openclaw.containers.event_tail import Event
from openclaw.message import Frame


class RecordingListener:
    """Each thing that is told is in a queue of its kind; one in `fails_once`, by its name, raises the first time."""

    def __init__(self) -> None:
        self.fails_once: set[str] = set()
        self.begun_turns: queue.Queue[Turn] = queue.Queue()
        self.events: queue.Queue[tuple[str, Event]] = queue.Queue()
        self.calls: queue.Queue[tuple[Turn, Frame, Callable[[dict[str, Any]], None]]] = queue.Queue()
        self.ended_turns: queue.Queue[tuple[Turn, Outcome]] = queue.Queue()

    def _hear(self, name: str) -> None:
        if name in self.fails_once:
            self.fails_once.remove(name)
            raise ZeroDivisionError(f"a bug in {name}")

    def begun(self, turn: Turn) -> None:
        self._hear("begun")
        self.begun_turns.put(turn)

    def happened(self, turn: Turn, events: list[Event]) -> None:
        self._hear("happened")
        for event in events:
            self.events.put((turn.id, event))

    def called(self, turn: Turn, call: Frame, answer: Callable[[dict[str, Any]], None]) -> None:
        self._hear("called")
        self.calls.put((turn, call, answer))

    def ended(self, turn: Turn, outcome: Outcome) -> None:
        self._hear("ended")
        self.ended_turns.put((turn, outcome))
