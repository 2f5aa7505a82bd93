"""What becomes of the turns that agents work on, told to whom it concerns.

Stateless; called from the agents' threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw.agents.turn import Outcome, Turn
    from openclaw.containers.event_tail import Event
    from openclaw.delivery.events import EventHub
    from openclaw.message import Frame
    from openclaw.routing.agent_calls import AgentCalls, Answer
    from openclaw.routing.router import Router


class Listener:
    """The TurnListener of the service. `changed` is called for what begins; it takes a microsecond."""

    def __init__(
        self, router: Router, calls: AgentCalls, events: EventHub, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._router = router
        self._calls = calls
        self._events = events
        self._changed = changed

    def begun(self, turn: Turn) -> None:
        self._events.started(turn.id, turn.attempt, turn.route)
        if turn.parent:
            self._events.subagent(turn.parent, {"id": turn.id, "status": "running"})
        self._changed()

    def happened(self, turn: Turn, events: list[Event]) -> None:
        self._events.lines(turn.id, turn.attempt, events)

    def called(self, turn: Turn, call: Frame, answer: Answer) -> None:
        self._calls.called(turn, call, answer)

    def ended(self, turn: Turn, outcome: Outcome) -> None:
        self._router.ended(turn, outcome)
