"""What counts as JSON here: RFC 8259 and nothing more."""

from __future__ import annotations

import pytest

from openclaw.errors import InvalidMessage
from openclaw.message import dump_bytes, load_object
from openclaw.message.strict_json import MAX_DEPTH, MAX_VALUES


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"text":"hi"}'.encode("utf-16"), "byte order mark"),
        (b'{"text":"\xff"}', "not UTF-8 at byte 9"),
        (b"[]", "one object"),
        (b'"text"', "one object"),
        (b"{} {}", "Extra data"),
        (b'{"a":1,"a":2}', "'a' twice"),
        (b'{"a":{"b":1,"b":1}}', "'b' twice"),
        (b'{"a":NaN}', "no NaN"),
        (b'{"a":-Infinity}', "no -Infinity"),
        (b'{"a":1e400}', "beyond a double"),
        (b'{"a":9223372036854775808}', "beyond 64 bits"),
        (b'{"a":' + b"9" * 5000 + b"}", "beyond 64 bits"),
        (rb'{"a":"\ud800"}', "surrogate"),
        (rb'{"\udfff":1}', "surrogate"),
        (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "nested deeper"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":[' + b"[]," * MAX_VALUES + b"1]}", f"more than {MAX_VALUES} values"),
        (b'{"a":[' + b"1," * MAX_VALUES + b"1]}", f"more than {MAX_VALUES} values"),
        (b'{"a":[' + rb'"\"",' * MAX_VALUES + b"1]}", f"more than {MAX_VALUES} values"),
    ],
)
def test_what_is_not_strict_json_is_refused_and_the_error_says_why(data: bytes, says: str) -> None:
    with pytest.raises(InvalidMessage, match=says):
        load_object(data)


def test_brackets_inside_strings_are_no_nesting() -> None:
    value = {"text": '[{"\\' * 1000}
    assert load_object(dump_bytes(value)) == value


def test_as_many_values_as_are_allowed_are_taken_and_commas_inside_strings_are_none() -> None:
    value = {"a": [1] * (MAX_VALUES - 2), "b": ",[{" * MAX_VALUES}
    assert load_object(dump_bytes(value)) == value


def test_a_string_without_end_is_refused_in_one_pass() -> None:
    """A pattern that gives back what it has matched would begin again at every quote in it."""
    with pytest.raises(InvalidMessage, match="Unterminated string"):
        load_object(b'{"a":[' + b"[]," * MAX_DEPTH + b'"' + rb"\"" * 1_000_000)


def test_a_surrogate_pair_is_one_character() -> None:
    assert load_object(rb'{"text":"\ud83d\ude00"}') == {"text": "\N{GRINNING FACE}"}
