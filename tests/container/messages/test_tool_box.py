"""Running tools: side by side where that is safe, in order else, and every mishap told to the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.engines.messages.answer import Use
from agent_runner.engines.messages.tool_box import MAX_RESULT, ToolBox
from agent_runner.tools import ToolFailed, ToolUse
from openclaw.errors import CallRefused
from tests.container.model_stub import TIMEOUT
from tests.support.agent_host import HandHost


class HandTool:
    """A tool that does what a test says."""

    def __init__(self, name: str, do: Callable[[dict[str, Any]], str], *, read_only: bool = True) -> None:
        self.definition = {"name": name, "description": f"does {name}", "input_schema": {"type": "object"}}
        self.read_only = read_only
        self._do = do

    def run(self, arguments: dict[str, Any], use: ToolUse) -> str:
        return self._do(arguments)


def turn(host: HandHost | None = None, cancel: Cancel | None = None) -> ToolUse:
    return ToolUse(host or HandHost(), cancel or Cancel(), time.monotonic() + TIMEOUT)


def result(tool: HandTool, use: Use, host: HandHost | None = None) -> dict[str, Any]:
    (found,) = ToolBox([tool]).run([use], turn(host))
    return found


def fails(error: Exception) -> Callable[[dict[str, Any]], str]:
    def fail(_: dict[str, Any]) -> str:
        raise error

    return fail


def test_a_result_goes_back_under_the_id_of_its_use() -> None:
    tool = HandTool("Read", lambda arguments: f"what {arguments['file_path']} says")

    assert result(tool, Use("u1", "Read", {"file_path": "/a"})) == {
        "type": "tool_result", "tool_use_id": "u1", "content": "what /a says",
    }  # fmt: skip


def test_whoever_looks_on_is_told_which_tool_is_used_on_what() -> None:
    host = HandHost()
    tool = HandTool("Bash", lambda _: "")

    for arguments in ({"timeout": 5, "command": "ls"}, {"n": 1}, {}):
        result(tool, Use("u", "Bash", arguments), host)

    assert host.tools == [("Bash", "ls"), ("Bash", '{"n": 1}'), ("Bash", "")]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ToolFailed("there is no /a: use Glob"), "there is no /a: use Glob"),
        (CallRefused("the host refuses"), "the host refuses"),
        (ValueError("a bug"), "broke down (ValueError: a bug)"),
    ],
)
def test_a_tool_that_fails_is_an_error_with_its_reason(error: Exception, says: str) -> None:
    failed = result(HandTool("Read", fails(error)), Use("u", "Read", {}))

    assert failed["is_error"] is True
    assert says in failed["content"]


def test_a_tool_that_is_not_there_is_said_with_those_that_are() -> None:
    failed = result(HandTool("Read", lambda _: "x"), Use("u", "Raed", {}))

    assert failed["is_error"] is True
    assert failed["content"] == "there is no tool 'Raed'; there are: Read"


def test_arguments_that_cannot_be_read_run_nothing() -> None:
    failed = result(HandTool("Read", fails(AssertionError("ran"))), Use("u", "Read", {}, "not valid JSON"))

    assert failed["is_error"] is True
    assert "the arguments cannot be read: not valid JSON" in failed["content"]


def test_a_result_has_a_bound_and_is_never_empty() -> None:
    long = result(HandTool("Read", lambda _: "x" * (MAX_RESULT + 1)), Use("u", "Read", {}))["content"]

    assert len(long) < MAX_RESULT + 200
    assert f"({MAX_RESULT + 1} characters in all" in long
    assert result(HandTool("Read", lambda _: ""), Use("u", "Read", {}))["content"] == "(nothing)"


def test_tools_that_change_nothing_run_side_by_side_and_answer_in_order() -> None:
    together = threading.Barrier(3)

    def meet(arguments: dict[str, Any]) -> str:
        together.wait(TIMEOUT)
        return str(arguments["n"])

    results = ToolBox([HandTool("Read", meet)]).run([Use(f"u{n}", "Read", {"n": n}) for n in range(3)], turn())

    assert [(one["tool_use_id"], one["content"]) for one in results] == [("u0", "0"), ("u1", "1"), ("u2", "2")]


def test_a_tool_that_changes_something_runs_alone_between_the_others() -> None:
    running: set[str] = set()
    seen: list[set[str]] = []

    def tool(name: str, *, read_only: bool) -> HandTool:
        def do(arguments: dict[str, Any]) -> str:
            running.add(arguments["n"])
            seen.append(set(running))
            running.discard(arguments["n"])
            return name

        return HandTool(name, do, read_only=read_only)

    box = ToolBox([tool("Read", read_only=True), tool("Write", read_only=False)])
    names = ["Read", "Write", "Write", "Read", "Nothing"]
    results = box.run([Use(f"u{n}", name, {"n": str(n)}) for n, name in enumerate(names)], turn())

    assert [one["content"] for one in results[:4]] == names[:4]
    assert seen == [{"0"}, {"1"}, {"2"}, {"3"}]


def test_a_cancel_between_two_tools_runs_no_more() -> None:
    cancel = Cancel()
    ran: list[str] = []

    def do(arguments: dict[str, Any]) -> str:
        ran.append(arguments["n"])
        cancel.set()
        return ""

    box = ToolBox([HandTool("Write", do, read_only=False)])
    with pytest.raises(TurnCancelled):
        box.run([Use("u1", "Write", {"n": "1"}), Use("u2", "Write", {"n": "2"})], turn(cancel=cancel))
    assert ran == ["1"]


def test_a_tool_that_is_cancelled_cancels_the_turn() -> None:
    with pytest.raises(TurnCancelled):
        result(HandTool("Bash", fails(TurnCancelled())), Use("u", "Bash", {}))
