"""JSON as RFC 8259 means it and nothing more: what Python's reader lets through is refused here.

Refused with a text that says where: not UTF-8, a byte order mark, duplicate keys, NaN and infinities,
numbers beyond a double or 64 bits, lone surrogates, nesting beyond MAX_DEPTH, more than MAX_VALUES
values, trailing data, anything but an object at the top.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from openclaw.errors import InvalidMessage, NotAnObject

MAX_DEPTH = 32
MAX_VALUES = 200_000
"""Values of one object, which take some 50 ms to read; 4 MiB of brackets and commas alone took 1.4 s and 100 MiB."""
_INT_LIMIT = 2**63
# Both are linear on any input: what has matched is never given back, and an escape is skipped as a pair, so that an
# escaped quote never ends a string.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^\[\]{}]++")


def load_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises InvalidMessage, whose text says what is wrong and where; NotAnObject of these
    where it is JSON of another kind."""
    text = _decode(data)
    _check_shape(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidMessage(f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise InvalidMessage(f"JSON is nested deeper than {MAX_DEPTH} levels") from None
    if not isinstance(value, dict):
        raise NotAnObject('the JSON must be one object, as in {"text": "hello"}')
    if "\\u" in text:
        _check_surrogates(value)
    return value


def dump_bytes(value: dict[str, Any]) -> bytes:
    """`value` as one line of compact UTF-8 JSON with a final newline."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _decode(data: bytes) -> str:
    if not data.strip():
        raise InvalidMessage('empty: send one JSON object, as in {"text": "hello"}')
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise InvalidMessage("JSON begins with a byte order mark: save it as plain UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"not UTF-8 at byte {error.start}: save it as plain UTF-8") from None


def _check_shape(text: str) -> None:
    """Refuse what is nested too deep or has too many values, before anything is made of it."""
    begun = text.count("{") + text.count("[")
    if begun <= MAX_DEPTH and text.count(",") <= MAX_VALUES - MAX_DEPTH:
        return
    bones = _STRING.sub("", text)
    if bones.count("{") + bones.count("[") + bones.count(",") > MAX_VALUES:
        raise InvalidMessage(f"JSON has more than {MAX_VALUES} values")
    depth = 0
    for bracket in _NO_BRACKETS.sub("", bones):
        depth += 1 if bracket in "{[" else -1
        if depth > MAX_DEPTH:
            raise InvalidMessage(f"JSON is nested deeper than {MAX_DEPTH} levels")


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidMessage("JSON holds half of a surrogate pair (\\ud800 to \\udfff alone)") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidMessage(f"JSON has the key {twice[:80]!r} twice")
    return value


def _constant(name: str) -> object:
    raise InvalidMessage(f"JSON has no {name}")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise InvalidMessage(f"the number {digits[:40]} is beyond a double")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_INT_LIMIT <= int(digits) < _INT_LIMIT:
        raise InvalidMessage(f"the number {digits[:40]} is beyond 64 bits")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float, parse_int=_int
)
