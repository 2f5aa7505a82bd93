"""Requests: who is asked is told by the frame's name, and a body that makes no sense says why."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.engines import Result
from agent_runner.engines.engine import DEFAULT_LIMIT
from agent_runner.request import parse_request
from openclaw.errors import InvalidMessage
from openclaw.message import Message, dump_bytes


def body(**more: Any) -> bytes:
    return dump_bytes({"message": {"text": "hello"}, **more})


def test_a_message_needs_no_id_of_its_own() -> None:
    turn = parse_request(body(), "m1")

    assert turn.task.message == Message("hello", id="m1")
    assert (turn.task.attempt, turn.task.results, turn.task.assignment, turn.limit) == (1, (), None, DEFAULT_LIMIT)


@pytest.mark.parametrize("given", ["other", "m1.s1", ""])
def test_an_id_in_the_message_means_nothing(given: str) -> None:
    assert parse_request(dump_bytes({"message": {"text": "x", "id": given}}), "m1.s2").id == "m1.s2"


def test_the_host_tells_the_attempt_the_limit_results_and_a_subagent_s_task() -> None:
    results = [{"id": "m0.s1", "status": "done", "text": "42"}]

    turn = parse_request(body(attempt=2, timeout_ms=1500, results=results, task={"reason": "r"}), "m1.s1")

    assert turn.task.attempt == 2
    assert turn.limit == 1.5
    assert turn.task.results == (Result("m0.s1", "done", "42"),)
    assert turn.task.assignment == {"reason": "r"}


def test_turns_of_one_group_and_session_share_a_lane() -> None:
    message = {"text": "x", "group": "g", "session": "s"}

    assert parse_request(dump_bytes({"message": message}), "m1").lane == ("g", "s")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"{}", 'needs "message"'),
        (b'{"message": {"session": "s"}}', 'needs "text"'),
        (body(attempt=0), '"attempt"'),
        (body(attempt="1"), '"attempt"'),
        (body(timeout_ms=0), '"timeout_ms"'),
        (body(task="x"), '"task"'),
        (body(results={}), '"results"'),
        (body(results=["x"]), '"results"'),
        (body(results=[{"id": "a", "status": "done"}]), '"results"'),
        (body(results=[{"id": "a", "status": "done", "text": 1}]), '"results"'),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessage, match=reason):
        parse_request(data, "m1")
