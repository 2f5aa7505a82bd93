"""AgentCalls: which tool of the host an agent's call is for, and the word for a call that is none.

Stateless; called from the agents' threads. Who may use a tool, and what becomes of it, is the tool's own business: it
knows the turn by the container that it came from, never by what a frame says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from openclaw.errors import CallRefused

if TYPE_CHECKING:
    from openclaw.agents.turn import Turn
    from openclaw.message import Frame

log = logging.getLogger(__name__)

Answer = Callable[[dict[str, Any]], None]
"""Takes a result's body, {"value": {…}} or {"error": "…"}, from any thread, at any time."""

HostTool = Callable[["Turn", "Frame", dict[str, Any], Answer], None]
"""Does what a turn asks for by a frame with these arguments; never blocks. Raises CallRefused, or answers later."""


class AgentCalls:
    """The host's tools by their names."""

    def __init__(self, tools: Mapping[str, HostTool]) -> None:
        self._tools = tools

    def called(self, turn: Turn, call: Frame, answer: Answer) -> None:
        """Answer a call frame of `turn`; what cannot be done is answered with the reason."""
        tool, arguments = call.body.get("tool"), call.body.get("arguments")

        def told(result: dict[str, Any]) -> None:
            if "error" in result:
                log.warning("Message %s: %s", turn.id, result["error"])
            answer(result)

        try:
            if not isinstance(tool, str) or not isinstance(arguments, dict):
                raise CallRefused('a call is {"tool": NAME, "arguments": {…}}')
            if tool not in self._tools:
                raise CallRefused(f"there is no tool {tool[:80]!r}; there are {', '.join(self._tools)}")
            self._tools[tool](turn, call, arguments, told)
        except CallRefused as refused:
            told({"error": str(refused)})
