"""CheckedTool: a Tool made of a definition and a function, which gets arguments that fit the definition's schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools.schema import Schema, check
from agent_runner.tools.tool import ToolFailed, ToolUse


@dataclass(frozen=True, slots=True)
class CheckedTool:
    """What `agent_runner.tools.tool.Tool` promises; what the kernel refuses is a ToolFailed in its own words."""

    definition: dict[str, Any]
    read_only: bool
    act: Callable[[dict[str, Any], ToolUse], str]

    @classmethod
    def made(
        cls,
        name: str,
        description: str,
        properties: dict[str, Schema],
        required: Sequence[str],
        act: Callable[[dict[str, Any], ToolUse], str],
        *,
        read_only: bool,
    ) -> CheckedTool:
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        }
        return cls({"name": name, "description": description, "input_schema": schema}, read_only, act)

    def run(self, arguments: dict[str, Any], use: ToolUse) -> str:
        checked = check(self.definition["name"], arguments, self.definition["input_schema"])
        if use.cancel.is_set():
            raise TurnCancelled
        try:
            text = self.act(checked, use)
        except OSError as error:
            place = f": {error.filename}" if isinstance(error.filename, str) else ""
            raise ToolFailed(f"{error.strerror or error}{place}") from error
        return text.encode(errors="replace").decode()  # a file's name may hold what UTF-8 cannot carry
