"""ToolBox: the tools of a container, and running those that one answer of the model asks for.

Any number of threads. Whatever becomes of a tool, the model is told, in words that it can act on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

from agent_runner.engines.engine import TurnCancelled
from agent_runner.engines.messages.answer import Use
from agent_runner.engines.parallel import run_all
from agent_runner.tools import Tool, ToolUse
from openclaw.errors import OpenClawError

log = logging.getLogger(__name__)

MAX_RESULT: Final = 200_000
"""Characters of a tool's result that the model is shown; each tool has a bound of its own below this."""

_TELLING = ("command", "file_path", "path", "pattern", "url", "query", "task", "prompt", "text", "id", "name")
"""Arguments that say best what a tool is used on, the best first."""

Block = dict[str, Any]


class ToolBox:
    """The tools that the model may use."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.definition["name"]: tool for tool in tools}
        self.definitions: list[dict[str, Any]] = [tool.definition for tool in tools]

    def run(self, uses: Sequence[Use], turn: ToolUse) -> list[Block]:
        """The result of each use, in their order.

        Those that follow each other and change nothing run side by side, others one after another. Raises
        TurnCancelled.
        """
        results: list[Block] = []
        for side_by_side, some in groupby(uses, self._changes_nothing):
            jobs = [partial(self._run_one, use, turn) for use in some]
            for outcome in run_all(jobs) if side_by_side else (job() for job in jobs):
                if isinstance(outcome, Exception):
                    raise outcome
                results.append(outcome)
        return results

    def _changes_nothing(self, use: Use) -> bool:
        tool = self._tools.get(use.name)
        return tool is not None and tool.read_only

    def _run_one(self, use: Use, turn: ToolUse) -> Block:
        if turn.cancel.is_set():
            raise TurnCancelled
        turn.host.tool(use.name, _detail(use.arguments))
        tool = self._tools.get(use.name)
        if tool is None:
            return failed(use, f"there is no tool {use.name[:80]!r}; there are: {', '.join(self._tools) or 'none'}")
        if use.trouble:
            return failed(use, f"the arguments cannot be read: {use.trouble}. Send them again as one JSON object.")
        try:
            return _result(use, tool.run(use.arguments, turn))
        except TurnCancelled:
            raise
        except OpenClawError as error:
            return failed(use, str(error))
        except Exception as error:  # the tool's fault is this use's failure, not the turn's
            log.exception("the tool %s failed", use.name)
            return failed(use, f"the tool broke down ({type(error).__name__}: {error}); try another way")


def failed(use: Use, why: str) -> Block:
    """The result of a use that came to nothing."""
    return {**_result(use, why), "is_error": True}


def _result(use: Use, text: str) -> Block:
    if len(text) > MAX_RESULT:
        text = f"{text[:MAX_RESULT]}\n… ({len(text)} characters in all; ask for less at once)"
    return {"type": "tool_result", "tool_use_id": use.id, "content": text or "(nothing)"}


def _detail(arguments: dict[str, Any]) -> str:
    """What a tool is used on, for whoever looks on."""
    for name in _TELLING:
        if isinstance(arguments.get(name), str):
            return str(arguments[name])
    return json.dumps(arguments, ensure_ascii=False) if arguments else ""
