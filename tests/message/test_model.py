"""Messages as they are checked at the door, and replies as they go out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openclaw.errors import InvalidMessage
from openclaw.message import Message, Reply, Timing


def test_a_text_is_all_that_a_message_needs() -> None:
    message = Message.from_json({"text": "hello"})
    assert (message.group, message.session, message.priority, message.id) == ("main", "default", "normal", "")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, 'needs "text"'),
        ({"text": " \n"}, "empty"),
        ({"text": 1}, "must be a string"),
        ({"text": "a", "sesion": "b"}, "unknown key 'sesion'"),
        ({"text": "a", "priority": "urgent"}, '"high", "normal" or "low"'),
        ({"text": "a", "sender": "two\nlines"}, '"sender"'),
        ({"text": "a", "sender": "x" * 201}, '"sender"'),
        ({"text": "a", "callback_url": "file:///etc/passwd"}, "http or https"),
        ({"text": "a", "callback_url": "http://[::1"}, "http or https"),
        ({"text": "a", "callback_url": "http://a:99999/"}, "http or https"),
    ],
)
def test_a_bad_message_is_refused_and_the_error_names_the_key(value: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidMessage, match=says):
        Message.from_json(value)


@pytest.mark.parametrize("key", ["id", "group", "session"])
@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a.b", "-a", "a\n", "a\0", "\x1b[0m", "x" * 65, "\uff41", "é"])
def test_one_pattern_holds_for_every_name(key: str, name: str) -> None:
    with pytest.raises(InvalidMessage, match=f'"{key}" must be'):
        Message.from_json({"text": "a", key: name})


def test_the_digest_is_of_the_content_and_not_of_the_id() -> None:
    message = Message("hello", id="a")
    assert message.digest() == message.with_id("b").digest()
    assert message.digest() != Message("hello", session="other").digest()


def test_attachments_are_paths_within_the_group_s_folder() -> None:
    paths = ["cat.jpg", "in box/été\u202fPM.png", ".hidden"]
    message = Message.from_json({"text": "look", "attachments": paths})
    assert message.attachments == tuple(paths)
    assert message.to_json() == {
        "text": "look", "group": "main", "session": "default", "priority": "normal", "attachments": paths,
    }  # fmt: skip
    assert Message.from_json(message.content()) == message


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("cat.jpg", "must be a list of paths within the group's folder"),
        ({}, "must be a list of paths"),
        (["a"] * 21, "takes at most 20 paths, and these are 21"),
        (["a", 1], "entry 2 is no text"),
        (["a", [["b"]]], "entry 2 is no text"),
        (["a", ""], 'entry 2 "" is empty'),
        (["x" * 1025], 'xxx…" has 1025 characters, more than 1024'),
        (["/etc/passwd"], 'entry 1 "/etc/passwd" begins with /: it is to be relative'),
        (["a", "../x"], 'entry 2 "../x" has .. in it, which would lead out'),
        (["../other/cat.jpg"], "which would lead out"),
        (["a/../../b"], "which would lead out"),
        (["./a"], 'entry 1 "./a" has an empty part or a . between its slashes'),
        (["a//b"], "has an empty part"),
        (["a/"], "has an empty part"),
        (["a\nb"], r'entry 1 "a\nb" has characters that cannot be printed, or the end of a line'),
        (["a\tb"], "cannot be printed"),
        (["a\u2028b"], r'"a\u2028b" has characters'),
        (["a\0"], "cannot be printed"),
        (["a\x1b[0m"], r'"a\u001b[0m" has characters'),
        (["\ud800"], r'"\ud800" has characters'),
    ],
)
def test_what_is_no_such_path_is_refused_by_its_name_and_with_the_reason(given: Any, why: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        Message.from_json({"text": "look", "attachments": given})
    assert str(refused.value).startswith('"attachments" ')
    assert why in str(refused.value)


def test_attachments_are_part_of_the_content_and_without_any_nothing_has_changed() -> None:
    assert Message("hello").digest() == "5ef4c852358562abc224413e258bcca50be33b9b056dded18b332eefcc9268b0"
    assert Message("hello", attachments=("a",)).digest() != Message("hello").digest()


def test_a_reply_has_the_keys_of_the_contract_and_an_error_or_tokens_only_where_there_are_any() -> None:
    reply = Reply("a", "main", "default", "done", "hi", "persistent", 1, Timing(1, 2, 3))
    assert reply.to_json() == {
        "id": "a", "group": "main", "session": "default", "status": "done", "text": "hi", "route": "persistent",
        "attempt": 1, "timing": {"prepTime": 1, "agentTime": 2, "totalTime": 3},
    }  # fmt: skip
    used = {"input_tokens": 7, "output_tokens": 2}
    assert replace(reply, usage=used, error="no", status="failed").to_json() == {
        **reply.to_json(), "status": "failed", "error": "no", "usage": used,
    }  # fmt: skip
