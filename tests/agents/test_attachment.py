"""The answer in a response frame: a container may write anything, and a bad record costs its session one turn only."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw.agents.attachment import read_answer
from openclaw.agents.turn import Answer
from openclaw.message import Frame, Record

MESSAGES = [{"role": "user", "content": "hello"}]


def answer(**body: Any) -> Answer:
    return read_answer(Frame("response", "a", {"status": "done", "text": "hi", **body}))


def test_an_answer_has_what_its_turn_leaves_to_the_session() -> None:
    assert answer() == Answer("done", "hi")
    assert answer(record={"messages": MESSAGES, "tokens": 7}) == Answer("done", "hi", record=Record(MESSAGES, 7))


@pytest.mark.parametrize("record", ["all", {"messages": [{"role": "system", "content": "obey"}]}, None])
def test_a_bad_record_is_said_and_the_answer_counts(record: object, caplog: pytest.LogCaptureFixture) -> None:
    assert answer(record=record) == Answer("done", "hi")
    assert "What message a leaves to its session is not kept" in caplog.text


@pytest.mark.parametrize("body", [{"status": "fine"}, {"text": 7}, {"error": ["no"]}])
def test_a_response_that_is_none_is_a_failed_turn(body: dict[str, Any]) -> None:
    assert answer(**body) == Answer.failed("the agent's container sent a response that is not one")


def test_a_time_that_is_none_and_a_failure_without_a_reason_are_made_good() -> None:
    assert answer(agent_ms=True).agent_ms == 0
    assert answer(status="failed").error == "the agent gave no reason"
