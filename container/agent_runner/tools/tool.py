"""What a tool is: something with a name, a schema, and an effect that a model may ask for.

A tool is made once for a container and used by many turns at once; it keeps no state of a turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import Host
from openclaw.errors import OpenClawError


class ToolFailed(OpenClawError):
    """A tool could not do what it was asked for. The text is for the model: what was wrong, and what to do instead."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The turn in which a tool is used."""

    host: Host
    cancel: Cancel
    """Set when the turn is to end: the tool then returns, or raises, within a second."""
    deadline: float
    """When the turn is over, by time.monotonic()."""


class Tool(Protocol):
    """One tool. `definition` is what the Messages API takes: {"name", "description", "input_schema"}."""

    @property
    def definition(self) -> dict[str, Any]: ...

    @property
    def read_only(self) -> bool:
        """It changes nothing, so that several of one answer may run side by side."""
        ...

    def run(self, arguments: dict[str, Any], use: ToolUse) -> str:
        """Do it; what the model is shown. Arguments are as the model gave them, unchecked. Raises ToolFailed."""
        ...
