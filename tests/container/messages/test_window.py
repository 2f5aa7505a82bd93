"""What the model is shown: what changes least comes first, four breakpoints, and room is made where it gets full."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_runner.engines.messages.encoding import encode
from agent_runner.engines.messages.history import History, Past
from agent_runner.engines.messages.settings import Settings
from agent_runner.engines.messages.window import CLEARED, Window

SETTINGS = Settings(context_tokens=10_000, max_tokens=1000)
TOOLS = [{"name": "Read"}, {"name": "Glob"}]
CACHE = {"type": "ephemeral"}


def past(turn_id: str, said: str = "x", tokens: int = 0) -> Past:
    messages = [{"role": role, "content": said} for role in ("user", "assistant")]
    return Past(turn_id, encode(messages)[1:-1], tokens)


def window(*turns: Past, summary: str = "", tools: list[dict[str, Any]] = TOOLS) -> Window:  # only read
    return Window(SETTINGS, tools, "You are Claw.", History(list(turns), summary))


def text(said: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": said}]


def results(*contents: str) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": f"u{number}", "content": one} for number, one in enumerate(contents)]


def breakpoints(body: bytes) -> list[str]:
    """Where the API is to cache, by what stands there."""
    request = json.loads(body)
    blocks = [*request.get("tools", []), *request["system"]]
    for message in request["messages"]:
        blocks += message["content"] if isinstance(message["content"], list) else []
    return [str(one.get("name") or one.get("text") or one["content"]) for one in blocks if "cache_control" in one]


def test_a_request_has_what_the_api_needs() -> None:
    one = window(past("a", "before"))
    one.add("user", text("hello"))

    request = json.loads(one.body())

    assert (request["model"], request["max_tokens"], request["stream"]) == ("claude-sonnet-4-5", 1000, True)
    assert request["system"] == [{"type": "text", "text": "You are Claw.", "cache_control": CACHE}]
    assert [tool["name"] for tool in request["tools"]] == ["Read", "Glob"]
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]


def test_without_tools_none_are_named() -> None:
    one = window(tools=[])
    one.add("user", text("hello"))

    assert "tools" not in json.loads(one.body())


def test_there_are_four_breakpoints_at_most_at_the_ends_of_what_stays() -> None:
    one = window(past("a"))
    one.add("user", text("hello"))
    assert breakpoints(one.body()) == ["Glob", "You are Claw.", "hello"]

    for step in range(3):
        one.add("assistant", text("Let me look."))
        one.add("user", results(f"found {step}"))
    assert breakpoints(one.body()) == ["Glob", "You are Claw.", "found 1", "found 2"]


def test_what_was_sent_once_is_sent_the_same_again() -> None:
    """But for the breakpoints, which the API's cache passes over."""

    def plain(body: bytes) -> str:
        return body.decode().replace(',"cache_control":{"type":"ephemeral"}', "").removesuffix("]}")

    one = window(past("a"), past("b"), summary="what was")
    one.add("user", text("hello"))
    before = plain(one.body())
    one.add("assistant", text("Let me look."))
    one.add("user", results("found"))

    assert plain(one.body()).startswith(before)


def test_a_summary_comes_before_the_turns_that_are_left() -> None:
    one = window(past("b"), summary="of a")
    one.add("user", text("hello"))

    messages = json.loads(one.body())["messages"]

    assert "of a" in messages[0]["content"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]


def test_what_utf_8_cannot_carry_costs_a_character() -> None:
    one = window()
    one.add("user", text("caf\udce9"))

    assert json.loads(one.body())["messages"][0]["content"][0]["text"] == "caf?"


# How full it is


def test_without_a_count_the_bytes_tell() -> None:
    one = window(past("a", "x" * 3500))
    one.add("user", text("y" * 3500))

    assert 3000 <= one.tokens() <= 3200


def test_the_session_s_last_count_tells_what_was_before() -> None:
    one = window(past("a", "x" * 35_000, tokens=5), past("b", tokens=700))
    one.add("user", text("y" * 3500))

    assert 1700 <= one.tokens() <= 1720


def test_the_model_s_own_count_tells_and_only_what_came_since_is_added() -> None:
    one = window(past("a", "x" * 35_000))
    one.add("user", text("y" * 35_000))
    one.add("assistant", text("z" * 3500))
    one.answered(600)
    assert one.tokens() == 600

    one.add("user", results("y" * 3500))
    assert 1600 <= one.tokens() <= 1640


def test_a_model_that_does_not_count_changes_nothing() -> None:
    one = window()
    one.add("user", text("y" * 3500))
    before = one.tokens()
    one.answered(0)

    assert one.tokens() == before


def test_it_is_full_before_the_answer_has_no_room() -> None:
    one = window()
    one.answered(8000)
    assert not one.is_full()
    one.answered(8500)
    assert one.is_full()
    assert one.tokens() < SETTINGS.context_tokens - SETTINGS.answer_tokens


# Making room


@pytest.mark.parametrize(
    ("sizes", "old"), [([], 0), ([10], 1), ([10, 10, 10], 1), ([9000, 1000, 1000], 1), ([9000] * 3, 3)]
)
def test_all_but_the_last_turns_are_old_and_at_least_one(sizes: list[int], old: int) -> None:
    assert window(*(past(f"t{number}", "x" * (size // 2)) for number, size in enumerate(sizes))).old_turns() == old


def test_a_summary_takes_the_place_of_old_turns_and_their_count() -> None:
    one = window(past("a", "old"), past("b", "kept", tokens=9999))
    one.add("user", text("hello"))
    one.answered(9000)

    one.summarise(1, "of a")

    assert one.tokens() < 500
    said = json.dumps(json.loads(one.body())["messages"])
    assert "of a" in said
    assert "kept" in said
    assert "old" not in said


def test_long_results_of_this_turn_are_left_out_the_last_ones_last() -> None:
    one = window()
    one.add("user", text("hello"))
    for number in range(2):
        one.add("assistant", text("Let me look."))
        one.add("user", results("short", f"{number}" * 5000))
    one.answered(9000)

    assert one.clear_results()
    assert [block["content"][:5] for block in one.messages[2]["content"]] == ["short", CLEARED[:5]]
    assert one.messages[4]["content"][1]["content"] == "1" * 5000
    assert one.tokens() < 2000
    assert CLEARED in one.body().decode()

    assert not one.clear_results()
    assert one.clear_results(all_of_them=True)
    assert not one.clear_results(all_of_them=True)
