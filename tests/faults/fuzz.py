"""JSON that was damaged on purpose or at random, from a seed: the same number gives the same bytes anywhere."""

from __future__ import annotations

import json
import random
from typing import Any, Final

ALWAYS_REFUSED: Final = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "nested too deep": b'{"text": ' + b"[" * 40 + b"]" * 40 + b"}",
    "nested without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 30_000,
    "a key twice": b'{"text": "a", "text": "b"}',
    "a key twice, spelt in two ways": b'{"text": "a", "\\u0074ext": "b"}',
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": "a", "priority": -Infinity}',
    "1e400": b'{"text": "a", "priority": 1e400}',
    "a long integer": b'{"text": "a", "priority": ' + b"9" * 5000 + b"}",
    "a long fraction": b'{"text": 0.' + b"1" * 50_000 + b"}",
    "65 bits": b'{"text": 18446744073709551616}',
    "half a pair": b'{"text": "\\ud800"}',
    "the other half": b'{"text": "\\udc00 \\ud83d"}',
    "half a pair as a key": b'{"\\udfff": "a", "text": "b"}',
    "a byte order mark": b'\xef\xbb\xbf{"text": "a"}',
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"text": "a"}'.encode("utf-16-le"),
    "UTF-32": '{"text": "a"}'.encode("utf-32"),
    "Latin-1": '{"text": "ä"}'.encode("latin-1"),
    "overlong UTF-8": b'{"text": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"text": "\xed\xa0\x80"}',
    "something behind it": b'{"text": "a"} {"text": "b"}',
    "a NUL behind it": b'{"text": "a"}\0',
    "a comment": b'{"text": "a"} // hello',
    "a trailing comma": b'{"text": "a",}',
    "single quotes": b"{'text': 'a'}",
    "a bare newline in a string": b'{"text": "a\nb"}',
    "a bare NUL in a string": b'{"text": "a\0b"}',
    "a list": b'[{"text": "a"}]',
    "a string": b'"text"',
    "a number": b"1",
    "null": b"null",
    "text that is no string": b'{"text": {"text": "a"}}',
    "nothing said": b'{"text": " \\n "}',
    "an unknown key": b'{"text": "a", "__proto__": "b"}',
    "many values": b'{"text": [' + b"0," * 100_000 + b"0]}",
}  # fmt: skip
"""By what is wrong with it. None of it may be accepted, whichever way it comes; all of it is within 256 KiB."""

_WORDS: Final = ("hello", "", "\u00e4\u4e16", "\U0001f600", "\ufeff", "a\tb\n\"c\\", "\u202eabc", "main", "../x", "NaN")
_KEYS: Final = ("text", "id", "group", "session", "sender", "priority", "callback_url", "sesion", "", "__class__")
_PIECES: Final = (
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\\u", b"\\ud800", b"\\udc00", b"\\u0000", b"\0", b"\n", b" "),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"NaN", b"-Infinity", b"1e400", b"-0", b"00", b"9" * 60),
    *(b"[" * 50, b'{"a":' * 50, b"null", b"true", b'"text":"b",', b"//", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8"),
)


def fuzzed(seed: int) -> bytes:
    """A message that is whole, half right, or damaged in up to six places."""
    chance = random.Random(seed)
    if chance.random() < 0.1:
        return chance.choice(list(ALWAYS_REFUSED.values()))
    value: dict[str, Any] = {"text": chance.choice(_WORDS) or "hi"}
    for _ in range(chance.randrange(3)):
        value[chance.choice(_KEYS)] = _value(chance, 0)
    data = bytearray(json.dumps(value, ensure_ascii=chance.random() < 0.5).encode())
    for _ in range(chance.choice((0, 1, 1, 2, 6))):
        start = chance.randrange(len(data) or 1)
        end = min(len(data), start + chance.choice((0, 1, 2, 8)))
        data[start:end] = chance.choice((b"", bytes([chance.randrange(256)]), chance.choice(_PIECES), data[:20]))
    return bytes(data)


def _value(chance: random.Random, depth: int) -> object:
    match chance.randrange(8 if depth < 4 else 6):
        case 0:
            return chance.choice((0, -1, 2**63, -(2**63), 10**40, 1.5, 1e308, -0.0))
        case 1:
            return chance.choice((None, True, False))
        case 6:
            return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
        case 7:
            return {chance.choice(_KEYS): _value(chance, depth + 1) for _ in range(chance.randrange(4))}
        case _:
            return chance.choice(_WORDS)
