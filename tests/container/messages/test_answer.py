"""An answer, from its events: what was said, which tools are asked for, and what is refused of a stream."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.engines.messages import answer as module
from agent_runner.engines.messages.answer import Answer, Assembler, Use
from agent_runner.engines.messages.failures import Busy, CallFailed, Cut, Refused, TooLong
from tests.container.model_stub import begins, block, ends, text, thinking, tool_use


def assembled(*events: dict[str, Any], said: list[str] | None = None) -> Answer:
    assembler = Assembler((said if said is not None else []).append)
    for event in events:
        assert assembler.answer is None
        assembler.add(event)
    assert assembler.answer is not None
    return assembler.answer


def test_text_is_said_as_it_comes_and_is_whole_in_the_end() -> None:
    said: list[str] = []

    answer = assembled(begins(), *text(0, "Hel", "lo"), *ends("end_turn"), said=said)

    assert said == ["Hel", "lo"]
    assert answer == Answer([{"type": "text", "text": "Hello"}], [], "end_turn", 30)


def test_every_token_that_fills_the_window_is_counted() -> None:
    usage = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 1}

    assert assembled(begins(**usage), *text(0, "x"), *ends("end_turn", 4000)).filled == 4321


def test_of_two_counts_the_larger_is_taken_wherever_it_comes() -> None:
    last = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 7, "output_tokens": 2}}
    first = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 0, "output_tokens": 2}}
    stop = {"type": "message_stop"}

    assert assembled(begins(input_tokens=0), *text(0, "x"), last, stop).filled == 9
    assert assembled(begins(input_tokens=7), *text(0, "x"), first, stop).filled == 9


def test_a_server_that_counts_nothing_is_taken_as_it_is() -> None:
    events = [{"type": "message_start", "message": {}}, *text(0, "x"), {"type": "message_delta", "delta": {}}]

    assert assembled(*events, {"type": "message_stop"}) == Answer([{"type": "text", "text": "x"}], [], "", 0)


def test_tools_are_asked_for_with_their_arguments() -> None:
    answer = assembled(
        begins(), *tool_use(0, "u1", "Read", {"file_path": "/a"}), *tool_use(1, "u2", "Glob", ""), *ends("tool_use")
    )

    assert answer.uses == [Use("u1", "Read", {"file_path": "/a"}), Use("u2", "Glob", {})]
    assert answer.content[0] == {"type": "tool_use", "id": "u1", "name": "Read", "input": {"file_path": "/a"}}


def test_arguments_that_come_at_once_are_taken_too() -> None:
    content = {"type": "tool_use", "id": "u1", "name": "Read", "input": {"file_path": "/a"}}

    assert assembled(begins(), *block(0, content), *ends("tool_use")).uses == [Use("u1", "Read", {"file_path": "/a"})]


@pytest.mark.parametrize(
    ("arguments", "trouble"),
    [
        ('{"file_path": ', "not valid JSON"),
        ("[1]", "must be one object"),
        ('{"a": NaN}', "JSON has no NaN"),
        ('{"a": 1e999}', "beyond a double"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a": ' + "[" * 20 + "]" * 20 + "}", "nested deeper than 16"),
        ('{"a": ' + "[" * 50 + "]" * 50 + "}", "nested deeper than 32"),
    ],
)
def test_arguments_that_cannot_be_read_are_left_out_and_the_trouble_is_kept(arguments: str, trouble: str) -> None:
    (use,) = assembled(begins(), *tool_use(0, "u1", "Read", arguments), *ends("tool_use")).uses

    assert use.arguments == {}
    assert trouble in use.trouble


@pytest.mark.parametrize("second", ["u1", "", None, 7])
def test_an_id_that_is_missing_or_was_given_twice_is_replaced(second: object) -> None:
    content = {"type": "tool_use", "id": second, "name": "Glob", "input": {}}
    answer = assembled(begins(), *tool_use(0, "u1", "Read", {}), *block(1, content), *ends("tool_use"))

    first, other = answer.uses
    assert first.id == "u1"
    assert other.id not in ("u1", "", None)
    assert answer.content[1]["id"] == other.id


def test_thoughts_are_kept_to_the_letter_with_their_signature() -> None:
    redacted = {"type": "redacted_thinking", "data": "x=="}

    answer = assembled(begins(), *thinking(0, "Hm", "sig=="), *block(1, redacted), *text(2, "x"), *ends("end_turn"))

    assert answer.content[:2] == [{"type": "thinking", "thinking": "Hm", "signature": "sig=="}, redacted]


def test_a_tool_that_the_api_has_used_itself_goes_back_with_its_arguments() -> None:
    used = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    pieces = ({"type": "input_json_delta", "partial_json": piece} for piece in ('{"query"', ': "tea"}'))

    answer = assembled(begins(), *block(0, used, *pieces), *ends("pause_turn"))

    assert answer.content == [{**used, "input": {"query": "tea"}}]
    assert answer.uses == []


def test_what_is_not_known_here_is_passed_over() -> None:
    strange = {"type": "strange_block", "x": 1}
    deltas = {"type": "strange_delta"}

    answer = assembled(
        {"type": "ping"}, begins(), {"type": "mood"}, *block(0, strange, deltas), *text(1, "x"), *ends("end_turn")
    )

    assert answer.content[0] == strange


@pytest.mark.parametrize(
    "events",
    [
        text(0, "x"),
        [begins(), begins()],
        [{"type": "message_start"}],
        [begins(), text(0, "x")[1]],
        [begins(), *text(0, "x"), text(0, "x")[1]],
        [begins(), text(0)[0], text(0)[0]],
        [begins(), {"type": "content_block_start", "content_block": {"type": "text"}}],
        [begins(), {"type": "content_block_start", "index": 0, "content_block": "text"}],
        [begins(), text(0)[0], {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}],
        [begins(), text(0)[0], {"type": "content_block_delta", "index": 0}],
        [begins(), text(0)[0], *ends("end_turn")],
    ],
    ids=[
        "before its beginning", "two beginnings", "no message", "a block that was not begun", "a block that is over",
        "a block begun twice", "no index", "no block", "no text", "no delta", "the end within a block",
    ],
)  # fmt: skip
def test_what_comes_out_of_turn_ends_the_call(events: list[dict[str, Any]]) -> None:
    with pytest.raises(Cut, match="the model's API"):
        assembled(*events)


def test_an_answer_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONTENT", 100)
    with pytest.raises(Cut, match="more than 100 characters"):
        assembled(begins(), *text(0, "x" * 60, "x" * 60), *ends("end_turn"))


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("overloaded_error", Busy),
        ("api_error", Busy),
        ("rate_limit_error", Busy),
        ("invalid_request_error", Refused),
        ("authentication_error", Refused),
        ("made_up_error", Refused),
    ],
)
def test_an_error_in_the_middle_is_told_with_what_it_says(kind: str, means: type[CallFailed]) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "so it is"}}

    with pytest.raises(means, match=rf"{kind}: so it is"):
        assembled(begins(), error)


def test_a_conversation_that_is_too_long_may_be_refused_within_a_stream() -> None:
    error = {"type": "invalid_request_error", "message": "the prompt exceeds the context size"}

    with pytest.raises(TooLong, match="send /new to begin a fresh session"):
        assembled(begins(), {"type": "error", "error": error})


@pytest.mark.parametrize("error", [{"message": "so it is", "code": 500}, "so it is"])
def test_an_error_in_another_api_s_form_is_told_too(error: object) -> None:
    with pytest.raises(Refused, match=r"\(error: so it is\)"):
        assembled(begins(), {"error": error})
