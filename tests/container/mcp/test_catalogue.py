"""The catalogue: the host's tools as they are listed, in step with what the host takes."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from agent_runner.mcp.catalogue import CATALOGUE, names_for
from openclaw.routing import sent_messages, spawn_request
from openclaw.schedule import calls, request
from openclaw.schedule.task import Context, Missed
from openclaw.schedule.timing import Kind

TASK_TOOLS = ["schedule_task", "list_tasks", "update_task", "pause_task", "resume_task", "cancel_task"]
TOOLS = {tool["name"]: tool for tool in CATALOGUE}


def test_these_are_the_tools() -> None:
    assert list(TOOLS) == [
        "spawn_subagent", "list_subagents", "get_subagent", "cancel_subagent", "send_message", "register_group",
        *TASK_TOOLS,
    ]  # fmt: skip


def test_their_arguments_are_those_that_the_host_takes() -> None:
    properties = {name: tool["inputSchema"]["properties"] for name, tool in TOOLS.items()}

    assert set(properties["spawn_subagent"]) == spawn_request._KEYS
    assert properties["spawn_subagent"]["reason"]["maxLength"] == spawn_request.MAX_REASON
    assert properties["spawn_subagent"]["paths"]["maxItems"] == spawn_request.MAX_PATHS
    assert properties["send_message"]["text"]["maxLength"] == sent_messages.MAX_TEXT
    assert {name: list(given) for name, given in properties.items() if name != "spawn_subagent"} == {
        "list_subagents": [], "get_subagent": ["id"], "cancel_subagent": ["id"],
        "send_message": ["text", "session"], "register_group": ["name", "trigger"],
        "schedule_task": list(calls.TAKES), "list_tasks": [], "update_task": ["id", *request.CHANGEABLE],
        "pause_task": ["id"], "resume_task": ["id"], "cancel_task": ["id"],
    }  # fmt: skip


def test_a_task_s_words_and_bounds_are_the_host_s() -> None:
    properties = TOOLS["schedule_task"]["inputSchema"]["properties"]

    assert tuple(TOOLS["schedule_task"]["inputSchema"]["required"]) == request.NEEDED
    assert properties["prompt"]["maxLength"] == request.MAX_PROMPT
    assert properties["schedule_value"]["maxLength"] == request.MAX_VALUE
    assert properties["timezone"]["maxLength"] == request.MAX_ZONE
    assert {name: tuple(properties[name]["enum"]) for name in ("schedule_type", "context_mode", "missed")} == {
        "schedule_type": get_args(Kind), "context_mode": get_args(Context), "missed": get_args(Missed),
    }  # fmt: skip


@pytest.mark.parametrize("name", TOOLS)
def test_each_says_what_it_is_and_does(name: str) -> None:
    tool = TOOLS[name]

    assert tool["title"] == tool["annotations"]["title"]
    assert tool["description"].endswith(".")
    assert tool["inputSchema"]["additionalProperties"] is False
    assert all(one["description"] for one in tool["inputSchema"]["properties"].values())
    assert set(tool["annotations"]) == {
        "title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"
    }  # fmt: skip
    json.dumps(tool)


def test_only_those_that_look_are_read_only() -> None:
    looking = {name for name, tool in TOOLS.items() if tool["annotations"]["readOnlyHint"]}

    assert looking == {"list_subagents", "get_subagent", "list_tasks"}


@pytest.mark.parametrize(
    ("main", "subagent", "names"),
    [(True, False, list(TOOLS)), (False, False, ["send_message", *TASK_TOOLS]), (True, True, []), (False, True, [])],
)
def test_a_turn_is_given_what_the_host_lets_it_use(main: bool, subagent: bool, names: list[str]) -> None:
    assert names_for(main=main, subagent=subagent) == names
