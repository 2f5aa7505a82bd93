"""What a turn leaves to its session is whole, whatever cut it off, and has a bound."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.engines.messages.leftover import GONE, leftover
from openclaw.message.record import MAX_MESSAGES, MAX_RECORD, Record, size

USER = {"role": "user", "content": [{"type": "text", "text": "hello"}]}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def use(use_id: str = "u1") -> dict[str, Any]:
    return {"type": "tool_use", "id": use_id, "name": "Read", "input": {}}


def results(content: str = "found") -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "u1", "content": content}]}


def test_a_turn_that_went_well_is_kept_as_it_was() -> None:
    messages = [USER, assistant(text("Let me look."), use()), results(), assistant(text("42"))]

    assert leftover(messages, "") == messages


def test_thoughts_and_blocks_that_are_not_known_are_left_out() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    strange = {"type": "strange"}
    messages = [USER, assistant(thought, text("42"), strange), USER, assistant(thought), assistant(text("x"))]

    assert leftover(messages, "") == [USER, assistant(text("42")), USER, assistant(text("x"))]


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        ([USER], [text("(failed)")]),
        ([USER, assistant(use()), results()], [text("(failed)")]),
        ([USER, assistant(text("so far"))], [text("so far"), text("(failed)")]),
    ],
)
def test_a_turn_that_broke_off_ends_with_how(messages: list[dict[str, Any]], last: list[dict[str, Any]]) -> None:
    assert leftover(messages, "(failed)")[-1] == assistant(*last)


def test_a_use_without_its_result_gets_one() -> None:
    kept = leftover([USER, assistant(use("u1"), use("u2"))], "(cancelled)")

    assert [block["tool_use_id"] for block in kept[2]["content"]] == ["u1", "u2"]
    assert all(block["is_error"] for block in kept[2]["content"])
    assert kept[3] == assistant(text("(cancelled)"))


def test_what_the_turn_has_is_not_changed() -> None:
    messages = [USER, assistant(text("so far"))]
    leftover(messages, "(failed)")

    assert messages == [USER, assistant(text("so far"))]


def test_a_turn_that_is_to_leave_nothing_leaves_nothing() -> None:
    assert leftover([], "(failed)") == []


def test_a_long_turn_is_kept_without_what_tools_gave() -> None:
    kept = leftover([USER, assistant(use()), results("x" * MAX_RECORD), assistant(text("42"))], "")

    assert kept[2]["content"][0]["content"] == GONE
    assert kept[3] == assistant(text("42"))


@pytest.mark.parametrize(
    "messages",
    [
        [USER, assistant({**use(), "input": {"content": "x" * MAX_RECORD}}), results(), assistant(text("42"))],
        [USER, *[assistant(use()), results()] * MAX_MESSAGES, assistant(text("42"))],
    ],
)
def test_of_a_turn_that_is_longer_still_the_first_and_the_last_words_stay(messages: list[dict[str, Any]]) -> None:
    kept = leftover(messages, "")

    assert kept == [{"role": "user", "content": "hello"}, {"role": "assistant", "content": f"{GONE}\n42"}]


def test_whatever_is_left_is_a_record_that_the_host_takes() -> None:
    huge = [{"role": "user", "content": [text("€" * MAX_RECORD)]}, assistant(text("\ud800" * MAX_RECORD))]
    kept = leftover(huge, "")

    assert size(kept) <= MAX_RECORD
    assert Record.from_json(Record(kept).to_json()).messages == kept
