"""What a turn leaves to its session is checked key by key: a container may write anything."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw.errors import InvalidMessage
from openclaw.message.record import MAX_MESSAGES, MAX_RECORD, MAX_SUMMARY, Record, Summary

USER = {"role": "user", "content": "hello"}
ASSISTANT = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}


@pytest.mark.parametrize(
    "record",
    [
        Record([]),
        Record([USER, ASSISTANT]),
        Record([USER, ASSISTANT], tokens=5120, new=True, summary=Summary("a", "what was")),
    ],
)
def test_what_is_written_is_read_as_the_same(record: Record) -> None:
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "a record is an object"),
        ({}, 'needs "messages"'),
        ({"messages": "hello"}, 'needs "messages"'),
        ({"messages": ["hello"]}, "each"),
        ({"messages": [{"role": "user"}]}, "each"),
        ({"messages": [{**USER, "role": "system"}]}, "each"),
        ({"messages": [{**USER, "more": 1}]}, "each"),
        ({"messages": [{**USER, "content": 7}]}, "each"),
        ({"messages": [{**USER, "content": ["hello"]}]}, "each"),
        ({"messages": [{**USER, "content": [{"text": "hello"}]}]}, "each"),
        ({"messages": [USER] * (MAX_MESSAGES + 1)}, f"at most {MAX_MESSAGES}"),
        ({"messages": [{**USER, "content": "x" * MAX_RECORD}]}, f"at most {MAX_RECORD} bytes"),
        ({"messages": [], "tokens": -1}, "tokens"),
        ({"messages": [], "tokens": True}, "tokens"),
        ({"messages": [], "new": 1}, "new"),
        ({"messages": [], "summary": {"upto": "../a", "text": ""}}, "upto"),
        ({"messages": [], "summary": {"upto": "a", "text": "x" * (MAX_SUMMARY + 1)}}, "summary"),
        ({"messages": [], "summary": "all"}, "summary"),
    ],
)
def test_what_is_none_is_refused_and_named(value: Any, says: str) -> None:
    with pytest.raises(InvalidMessage, match=says):
        Record.from_json(value)
