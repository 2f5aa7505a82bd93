"""The arguments of spawn_subagent: what is taken, and the word for what is not."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw.errors import CallRefused
from openclaw.routing.spawn_request import MAX_TASK, SpawnRequest, only_id


def test_a_task_alone_is_enough() -> None:
    assert SpawnRequest.parse({"task": "count the files"}) == SpawnRequest("count the files")


def test_everything_else_is_optional_and_told_to_the_subagent() -> None:
    request = SpawnRequest.parse(
        {"task": "t", "context": "c", "priority": "high", "reason": "r", "agent": "a", "paths": ["/p"], "wait": True}
    )
    assert request.told() == {"context": "c", "reason": "r", "agent": "a", "paths": ["/p"]}
    assert request.wait


def test_an_agent_with_paths_needs_no_task() -> None:
    request = SpawnRequest.parse({"agent": "reviewer", "paths": ["src", "~/notes"]})
    assert request.task == "Do your part with src, ~/notes."


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, '"task" is missing'),
        ({"agent": "reviewer"}, '"task" is missing'),
        ({"paths": ["src"]}, '"task" is missing'),
        ({"task": "  "}, '"task" is missing'),
        ({"task": 1}, '"task" must be a string'),
        ({"task": "t" * (MAX_TASK + 1)}, "at most"),
        ({"task": "t", "context": ["c"]}, '"context" must be a string'),
        ({"task": "t", "priority": "urgent"}, '"priority"'),
        ({"task": "t", "reason": "r" * 1001}, '"reason"'),
        ({"task": "t", "agent": "../x"}, '"agent"'),
        ({"task": "t", "wait": "yes"}, '"wait"'),
        ({"task": "t", "paths": "/p"}, '"paths"'),
        ({"task": "t", "paths": ["/p\n"]}, '"paths"'),
        ({"task": "t", "paths": ["/p"] * 17}, '"paths"'),
        ({"task": "t", "depth": 2}, "no argument 'depth'"),
    ],
)
def test_what_is_not_taken_is_named(given: dict[str, Any], word: str) -> None:
    with pytest.raises(CallRefused, match=word):
        SpawnRequest.parse(given)


@pytest.mark.parametrize("given", [{}, {"id": ""}, {"id": "../a.s1"}, {"id": "a.s1", "more": 1}, {"id": 1}])
def test_the_other_tools_take_an_id_and_nothing_else(given: dict[str, Any]) -> None:
    with pytest.raises(CallRefused, match='"id"'):
        only_id(given)


def test_an_id_is_returned() -> None:
    assert only_id({"id": "a1b2.s1"}) == "a1b2.s1"
