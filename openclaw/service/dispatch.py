"""Which agent takes a turn: Main's persistent one, or a dedicated container.

Stateless; called by the router from any thread.
"""

from __future__ import annotations

from openclaw.agents.dedicated import DedicatedAgents
from openclaw.agents.main_agent import MainAgentManager
from openclaw.agents.turn import Turn
from openclaw.routing.groups import MAIN


class Dispatch:
    """A first attempt of Main goes to its agent; subagents, other groups, second attempts to single-use containers."""

    def __init__(self, main: MainAgentManager, dedicated: DedicatedAgents) -> None:
        self._main = main
        self._dedicated = dedicated

    def submit(self, turn: Turn) -> None:
        if turn.message.group == MAIN and turn.attempt == 1 and not turn.parent:
            self._main.submit(turn)
        else:
            self._dedicated.submit(turn)

    def cancel(self, turn: Turn) -> None:
        """Cancel a turn with whichever has it; the other lets it be."""
        self._main.cancel(turn.id)
        self._dedicated.cancel(turn.id)
