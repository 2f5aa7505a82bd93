"""The lines of a session: what they mean together, and that one which cannot be read is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw.message.session import Session, read_lines


def turn(turn_id: str, text: str = "hello") -> dict[str, Any]:
    return {"kind": "messages", "id": turn_id, "messages": [{"role": "user", "content": text}]}


def summary(turn_id: str, upto: str) -> dict[str, Any]:
    return {"kind": "summary", "id": turn_id, "upto": upto, "text": f"up to {upto}"}


def session(*entries: dict[str, Any]) -> Session:
    found = Session()
    for entry in entries:
        found.add(entry)
    return found


def test_turns_count_in_their_order() -> None:
    assert list(session(turn("a"), turn("b")).turns) == ["a", "b"]


def test_of_two_lines_about_one_turn_the_later_counts_at_its_own_place() -> None:
    found = session(turn("a"), turn("b"), turn("a", "again"))
    assert list(found.turns) == ["b", "a"]
    assert found.turns["a"] == turn("a", "again")


def test_a_summary_stands_for_the_turns_up_to_its_own() -> None:
    found = session(turn("a"), turn("b"), turn("c"), summary("d", "b"), turn("d"))
    assert list(found.turns) == ["c", "d"]
    assert found.summary == summary("d", "b")


def test_a_summary_whose_turns_have_left_the_file_stands_before_the_others() -> None:
    found = session(summary("d", "b"), turn("c"), turn("d"))
    assert list(found.turns) == ["c", "d"]


def test_a_fresh_session_knows_nothing_of_what_was_but_the_results_that_wait() -> None:
    result = {"kind": "subagent", "id": "a.s1", "status": "done", "text": "found"}
    found = session(turn("a"), summary("b", "a"), turn("b"), result, {"kind": "new", "id": "c"}, turn("c"))
    assert (list(found.turns), found.summary, found.unseen()) == (["c"], None, [result])


def test_a_torn_end_is_left_out_and_said_to_be_torn() -> None:
    data = json.dumps(turn("a")).encode() + b'\n{"kind": "mess'
    assert read_lines(data) == ([turn("a")], 0, True)


def test_a_last_line_without_its_newline_counts_where_it_is_whole() -> None:
    assert read_lines(json.dumps(turn("a")).encode()) == ([turn("a")], 0, False)


def test_a_piece_that_begins_within_a_line_leaves_that_one_out() -> None:
    data = b'ssages": []}\n' + json.dumps(turn("b")).encode() + b"\n"
    assert read_lines(data, whole=False) == ([turn("b")], 0, False)


@pytest.mark.parametrize(
    "line",
    ["{half", "[]", "{}", '{"kind": "messages", "id": "a"}', '{"kind": "turn", "id": "a"}', '{"kind": "new"}', "\0"],
)
def test_a_line_that_cannot_be_read_is_counted_and_the_others_stay(line: str) -> None:
    good = json.dumps(turn("a"))
    assert read_lines(f"{good}\n{line}\n{good}\n".encode()) == ([turn("a"), turn("a")], 1, False)


def test_a_kind_that_a_later_version_writes_is_no_damage() -> None:
    entry = {"kind": "mood", "id": "a"}
    assert read_lines(json.dumps(entry).encode() + b"\n") == ([entry], 0, False)
    assert session(entry).turns == {}
