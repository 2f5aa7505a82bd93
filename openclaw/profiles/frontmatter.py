"""Frontmatter: the part of YAML that profiles are written in, read strictly, each value with its line.

    key: plain text, "quoted\\n", 'quoted', on one line or folded over several that are indented
    key: [a, b]        or one `- a` a line
    key: |             or `>`: the indented lines below, kept or folded

A plain value may hold colons, as Claude Code lets it. What is nested deeper is known to be there and not read. Source:
https://yaml.org/spec/1.2.2/. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

FENCE: Final = "---"

# Compiled when they are first used: a container's start has no time for it.
_KEY: Final = r"([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*))?"
_BLOCK_SCALAR: Final = r"([|>])[+-]?[1-9]?[+-]?(?:\s+#.*)?"
_COMMENT: Final = r"(?:^|\s)#.*"
_ESCAPE: Final = r"(?s)\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.?)"
_QUOTED: Final = r"""(?s)"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", " ": " ", '"': '"', "/": "/", "\\": "\\"}
_RESERVED: Final = "&!%@`}]|>?"


class Malformed(ValueError):
    """What is wrong on which line, counted from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


class Nested:
    """A value that is nested, and was not read."""


class Value(NamedTuple):
    """A value, and the line of its key."""

    line: int
    is_: str | list[str] | Nested


def split(text: str) -> tuple[dict[str, Value], str]:
    """The keys of the frontmatter, and what stands below it. Raises Malformed."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != FENCE:
        raise Malformed(1, f"the first line must be {FENCE}, then key: value on a line each, then {FENCE} again")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), 0)
    if not end:
        raise Malformed(len(lines), f"the frontmatter does not end: put a line {FENCE} below its last key")
    return _keys(lines[:end]), "\n".join(lines[end + 1 :]).strip()


def _keys(lines: list[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    number = 1
    while number < len(lines):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            number += 1
            continue
        match = re.fullmatch(_KEY, line.rstrip())
        if match is None:
            raise Malformed(number + 1, f"{line.strip()[:60]!r} is no `key: value`")
        key, rest = match[1], (match[2] or "").strip()
        if key in found:
            raise Malformed(number + 1, f"{key!r} is there twice; it was on line {found[key].line}")
        end = _block_end(lines, number + 1, lists=not _uncommented(rest))
        found[key] = Value(number + 1, _value(rest, lines[number + 1 : end], number + 1))
        number = end
    return found


def _block_end(lines: list[str], begin: int, *, lists: bool) -> int:
    """Where the lines end that belong to a key: the indented ones, and with `lists` those that begin with a dash."""
    end = begin
    while end < len(lines):
        line = lines[end]
        if line.strip() and line[0] not in " \t" and not (lists and re.match(r"-(\s|$)", line)):
            break
        end += 1
    return end


def _value(rest: str, block: list[str], line: int) -> str | list[str] | Nested:
    if (scalar := re.fullmatch(_BLOCK_SCALAR, rest)) is not None:
        return _kept(block) if scalar[1] == "|" else _folded([one.strip() for one in block])
    if rest.startswith(("'", '"')):
        return _quoted(_folded([rest, *(one.strip() for one in block)]), line)
    if rest.startswith("["):
        return _flow_list(" ".join([rest, *(one.strip() for one in block)]), line)
    if rest.startswith("{"):
        return Nested()
    if rest[:1] and rest[0] in _RESERVED:
        raise Malformed(line, f"a value that begins with {rest[0]} has to stand in quotes")
    if _uncommented(rest):
        return _folded([_uncommented(one.strip()) for one in (rest, *block)])
    return _below(block, line)


def _below(block: list[str], line: int) -> str | list[str] | Nested:
    """The value of a key with nothing behind it."""
    said = [one for one in block if _uncommented(one.strip())]
    if not said:
        return ""
    first = said[0].strip()
    if re.match(r"-(\s|$)", first):
        return list(_items(block, line))
    if re.fullmatch(_KEY, first) is not None:
        return Nested()
    return _folded([_uncommented(one.strip()) for one in block])


def _items(block: list[str], line: int) -> Iterator[str]:
    for number, one in enumerate(block, line + 1):
        item = one.strip()
        if not _uncommented(item):
            continue
        if not re.match(r"-\s", item):
            raise Malformed(number, "one `- name` a line is expected here")
        yield _scalar(item[1:].strip(), number)


def _scalar(text: str, line: int) -> str:
    return _quoted(text, line) if text.startswith(("'", '"')) else _uncommented(text)


def _flow_list(text: str, line: int) -> list[str]:
    match = re.fullmatch(r"\[(.*)\](?:\s*#.*)?", text.strip(), re.S)
    if match is None:
        raise Malformed(line, "the list is not closed: it begins with [ and must end with ]")
    items, rest = [], match[1].strip()
    while rest:
        quoted = re.match(_QUOTED, rest)
        item = quoted[0] if quoted is not None else rest.partition(",")[0]
        rest = rest[len(item) :].lstrip()
        if rest and not rest.startswith(","):
            raise Malformed(line, "a comma is missing in the list")
        rest = rest[1:].lstrip()
        items.append(_scalar(item.strip(), line))
    return items


def _quoted(text: str, line: int) -> str:
    match = re.match(_QUOTED, text)
    if match is None:
        raise Malformed(line, f"the quote {text[0]} is not closed")
    if _uncommented(text[match.end() :].strip()):
        raise Malformed(line, f"there is more behind the closing quote {text[0]}; a quote within is written "
                              + ("\\\"" if text[0] == '"' else "''"))  # fmt: skip
    inside = match[0][1:-1]
    if text[0] == "'":
        return inside.replace("''", "'")
    return re.sub(_ESCAPE, lambda escape: _unescaped(escape[1], line), inside)


def _unescaped(code: str, line: int) -> str:
    if code[:1] in ("x", "u", "U") and len(code) > 1:
        number = int(code[1:], 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise Malformed(line, f"\\{code} is no character")
        return chr(number)
    if code not in _ESCAPES:
        raise Malformed(line, f"\\{code} means nothing in double quotes; a backslash is written \\\\")
    return _ESCAPES[code]


def _uncommented(text: str) -> str:
    return re.sub(_COMMENT, "", text, count=1).rstrip()


def _folded(lines: list[str]) -> str:
    """Lines as one, but for those that an empty one sets apart."""
    paragraphs = "\n".join(lines).strip("\n").split("\n\n")
    return "\n".join(paragraph.replace("\n", " ").strip() for paragraph in paragraphs)


def _kept(block: list[str]) -> str:
    indents = [len(line) - len(line.lstrip()) for line in block if line.strip()]
    return "\n".join(line[min(indents, default=0) :].rstrip() for line in block).strip("\n")
