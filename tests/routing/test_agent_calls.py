"""Calls: each reaches its tool with what it says, and one that is none gets the reason."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw.agents.turn import Turn
from openclaw.errors import CallRefused
from openclaw.message import Frame, Message
from openclaw.routing.agent_calls import AgentCalls, Answer

TURN = Turn(Message("hello", id="a"), 1, 0.0, 0.0)


def echo(turn: Turn, call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
    answer({"value": {"turn": turn.id, "number": call.number, **arguments}})


def refuse(*_: object) -> None:
    raise CallRefused("not today")


def asked(body: dict[str, Any]) -> dict[str, Any]:
    """What is answered to a call with this body."""
    answers: list[dict[str, Any]] = []
    AgentCalls({"echo": echo, "refuse": refuse}).called(TURN, Frame("call", "a", body, 7), answers.append)
    (answer,) = answers
    return answer


def test_a_call_reaches_its_tool_with_its_turn_number_and_arguments() -> None:
    assert asked({"tool": "echo", "arguments": {"x": 1}}) == {"value": {"turn": "a", "number": 7, "x": 1}}


def test_a_refusal_is_answered_in_its_own_words() -> None:
    assert asked({"tool": "refuse", "arguments": {}}) == {"error": "not today"}


def test_a_tool_that_there_is_not_is_said_with_those_that_there_are() -> None:
    assert asked({"tool": "rm", "arguments": {}}) == {"error": "there is no tool 'rm'; there are echo, refuse"}


@pytest.mark.parametrize("body", [{}, {"tool": 1, "arguments": {}}, {"tool": "echo", "arguments": []}])
def test_a_call_that_is_none_is_answered_with_what_one_is(body: dict[str, Any]) -> None:
    assert asked(body) == {"error": 'a call is {"tool": NAME, "arguments": {…}}'}
