"""Names that reach the disk: ids of messages, of their subagents, and of what was sent before a reply."""

from __future__ import annotations

import pytest

from openclaw.message import is_id, is_reply_id, parent_id, sent_id, subagent_id


@pytest.mark.parametrize("text", ["a", "a1-_B", "a.s1", "a.s9999", "x" * 64])
def test_an_id_is_a_message_s_or_a_subagent_s(text: str) -> None:
    assert is_id(text)
    assert is_reply_id(text)


@pytest.mark.parametrize("text", ["a.m1", "a.m99999", sent_id("a", 4003)])
def test_what_was_sent_before_a_reply_is_in_the_outbox_and_no_turn(text: str) -> None:
    assert is_reply_id(text)
    assert not is_id(text)


@pytest.mark.parametrize(
    "text", ["", ".", "a.", "a.m0", "a.m100000", "a.s0", "a.s1.m1", "a.x1", "a.m1\n", "-a", "x" * 65, 1]
)
def test_nothing_else_is_one(text: object) -> None:
    assert not is_id(text)
    assert not is_reply_id(text)


@pytest.mark.parametrize(("text", "parent"), [("a", ""), (subagent_id("a", 1), "a"), (sent_id("a", 1), "a")])
def test_what_belongs_to_a_message_says_so(text: str, parent: str) -> None:
    assert parent_id(text) == parent
