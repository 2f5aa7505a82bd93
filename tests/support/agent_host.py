"""The host as an agent's engine sees it, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from agent_runner.calls import Calls
from agent_runner.host import TurnHost
from agent_runner.turn import Turn
from openclaw.errors import CallRefused
from openclaw.message import Record

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class HandHost:
    """Answers each tool by a function of its arguments and keeps what it was asked and told, in order."""

    def __init__(self, **answers: Answer) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.deltas: list[str] = []
        self.tools: list[tuple[str, str]] = []
        self.records: list[Record] = []
        self._answers = answers

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((tool, arguments))
        if tool not in self._answers:
            raise CallRefused(f"no {tool} today")
        return self._answers[tool](arguments)

    def delta(self, text: str) -> None:
        self.deltas.append(text)

    def tool(self, name: str, detail: str = "") -> None:
        self.tools.append((name, detail))

    def record(self, record: Record) -> None:
        self.records.append(record)


def unused_host(turn: Turn) -> TurnHost:
    """The host of a turn that asks and tells nothing; a test fails where it does."""

    def refuse(*args: object) -> NoReturn:
        raise AssertionError(f"{turn.id} was not to use its host: {args}")

    return TurnHost(turn, Calls(refuse), refuse)
