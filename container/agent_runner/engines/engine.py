"""What an engine is: it answers a Task, and may ask and tell the Host meanwhile.

An engine is called by many threads at once and keeps what it shares between them safe by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from agent_runner.cancel import Cancel
from openclaw.errors import OpenClawError
from openclaw.message import Message, Record

DEFAULT_LIMIT = 1800.0
"""Seconds that a turn may take where its request does not say."""


class TurnCancelled(OpenClawError):
    """The turn was cancelled while the engine waited. `text` is what the sender was told until then."""

    def __init__(self, text: str = "") -> None:
        super().__init__("the turn was cancelled")
        self.text = text


class TurnCut(OpenClawError):
    """The turn ended before its answer was whole. `text` is what the sender was told until then."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.text = text


class Result(NamedTuple):
    """How a subagent of this session has ended; no turn was told of it before."""

    id: str
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Task:
    """What one turn is about."""

    message: Message
    attempt: int = 1
    """Counts from 1; beyond 1 an earlier try was cut off, and its effects may have happened."""
    results: tuple[Result, ...] = ()
    assignment: dict[str, Any] | None = None
    """Of a subagent: what it was told beside the text, {"context"?, "agent"?, "paths"?, "reason"?}; else None."""
    cancel: Cancel = field(default_factory=Cancel)
    """Set to end the turn early."""
    limit: float = DEFAULT_LIMIT
    """Seconds that the turn may take; the host ends it then."""


class Host(Protocol):
    """The host, as one turn sees it: any thread of the turn, until the engine has answered."""

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask the host for something and wait for its answer; several threads may have calls under way.

        Raises CallRefused with the host's reason, for the agent to act on, and TurnCancelled.
        """
        ...

    def delta(self, text: str) -> None:
        """Tell the next piece of the answer. The whole is returned by the engine all the same."""
        ...

    def tool(self, name: str, detail: str = "") -> None:
        """Tell that a tool is used, and on what."""
        ...

    def record(self, record: Record) -> None:
        """Tell what the turn leaves to its session, however it ends; the last one told counts."""
        ...


class Engine(Protocol):
    """Answers messages."""

    def answer(self, task: Task, host: Host) -> str:
        """The answer, in text.

        Returns soon after `task.cancel` was set; what it returns then is not used, only the text of a TurnCancelled. An
        OpenClawError's text is shown to the sender, and the own text of a TurnCut or a TurnCancelled beside it. No
        thread of the engine's uses `host` after this has returned.
        """
        ...
