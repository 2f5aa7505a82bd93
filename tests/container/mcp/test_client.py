"""The client: a server's tools as an engine uses them, over messages and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.mcp import client
from agent_runner.mcp.client import Connection, in_memory, openclaw_tools, tools_of
from agent_runner.mcp.jsonrpc import Message
from agent_runner.mcp.server import MODERN
from agent_runner.tools.tool import Tool, ToolFailed, ToolUse
from openclaw.errors import OpenClawError
from tests.support.agent_host import HandHost

TASK_TOOLS = [
    *("mcp__openclaw__schedule_task", "mcp__openclaw__list_tasks", "mcp__openclaw__update_task"),
    *("mcp__openclaw__pause_task", "mcp__openclaw__resume_task", "mcp__openclaw__cancel_task"),
]


@pytest.fixture
def host() -> HandHost:
    started = {"id": "a.s1", "status": "started"}
    return HandHost(list_subagents=lambda _: {"subagents": []}, spawn_subagent=lambda _: started)


@pytest.fixture
def use(host: HandHost) -> Iterator[ToolUse]:
    cancel = Cancel()
    yield ToolUse(host, cancel, time.monotonic() + 300)
    cancel.set()


def named(name: str) -> Tool:
    return next(tool for tool in openclaw_tools(main=True, subagent=False) if tool.definition["name"] == name)


def test_the_tools_bear_the_names_of_the_contract() -> None:
    tools = {tool.definition["name"]: tool for tool in openclaw_tools(main=True, subagent=False)}

    assert list(tools) == [
        "mcp__openclaw__spawn_subagent", "mcp__openclaw__list_subagents", "mcp__openclaw__get_subagent",
        "mcp__openclaw__cancel_subagent", "mcp__openclaw__send_message", "mcp__openclaw__register_group",
        *TASK_TOOLS,
    ]  # fmt: skip
    assert [name for name, tool in tools.items() if tool.read_only] == [
        "mcp__openclaw__list_subagents", "mcp__openclaw__get_subagent", "mcp__openclaw__list_tasks"
    ]  # fmt: skip
    for tool in tools.values():
        assert set(tool.definition) == {"name", "description", "input_schema"}


def test_a_turn_is_given_what_the_host_lets_it_use() -> None:
    assert [tool.definition["name"] for tool in openclaw_tools(main=False, subagent=False)] == [
        "mcp__openclaw__send_message", *TASK_TOOLS
    ]  # fmt: skip
    assert openclaw_tools(main=True, subagent=True) == ()


def test_a_tool_asks_the_host_of_its_turn(use: ToolUse, host: HandHost) -> None:
    answer = named("mcp__openclaw__spawn_subagent").run({"task": "count"}, use)

    assert json.loads(answer) == {"id": "a.s1", "status": "started"}
    assert host.calls == [("spawn_subagent", {"task": "count"})]


def test_turns_do_not_get_each_other_s_hosts(use: ToolUse) -> None:
    other = HandHost(list_subagents=lambda _: {"subagents": ["other"]})
    tool = named("mcp__openclaw__list_subagents")

    assert "other" not in tool.run({}, use)
    assert "other" in tool.run({}, replace(use, host=other))


def test_what_the_host_refuses_fails_in_its_words(use: ToolUse) -> None:
    with pytest.raises(ToolFailed, match=r"^no register_group today$"):
        named("mcp__openclaw__register_group").run({"name": "x"}, use)


def test_wrong_arguments_fail_with_what_is_taken(use: ToolUse, host: HandHost) -> None:
    with pytest.raises(ToolFailed, match='needs "id"'):
        named("mcp__openclaw__get_subagent").run({}, use)
    with pytest.raises(ToolFailed, match='"arguments", an object'):
        named("mcp__openclaw__spawn_subagent").run([], use)  # type: ignore[arg-type]  # a model may give anything
    assert not host.calls


def test_a_cancelled_turn_asks_nothing_and_ends_what_it_asked(use: ToolUse) -> None:
    def cancelled(_: dict[str, Any]) -> dict[str, Any]:
        use.cancel.set()
        raise TurnCancelled

    with pytest.raises(TurnCancelled):
        named("mcp__openclaw__list_subagents").run({}, replace(use, host=HandHost(list_subagents=cancelled)))
    with pytest.raises(TurnCancelled):
        named("mcp__openclaw__list_subagents").run({}, use)


def test_a_server_is_asked_by_messages_as_any_other_would_be(use: ToolUse) -> None:
    sent: list[Message] = []

    def connect(use: ToolUse | None) -> Connection:
        connection = in_memory(use)

        def through_json(message: Message) -> Message | None:
            sent.append(message)
            answer = connection(json.loads(json.dumps(message)))
            return None if answer is None else json.loads(json.dumps(answer))

        return through_json

    tools = tools_of("mine", connect)
    tools[1].run({}, use)

    assert [message["method"] for message in sent] == ["server/discover", "tools/list", "tools/call"]
    assert len({message["id"] for message in sent}) == 3
    assert all(message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN for message in sent)
    assert tools[1].definition["name"] == "mcp__mine__list_subagents"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"result": {"supportedVersions": ["2099-01-01"]}}, "speaks .*2099-01-01.*, and this client 2026-07-28"),
        ({"result": {}}, r"speaks \[\]"),
        ({"error": {"code": -32601, "message": "no such method"}}, "no such method"),
        (None, "did not answer server/discover"),
    ],
)
def test_a_server_that_cannot_be_used_is_said(answer: Message | None, said: str) -> None:
    with pytest.raises(OpenClawError, match=said):
        tools_of("other", lambda _: lambda _: answer)


def test_without_a_turn_nobody_can_be_asked() -> None:
    result = client._asked(in_memory(None), "tools/call", {"name": "list_subagents"})

    assert result["isError"]
    assert "no turn" in result["content"][0]["text"]
