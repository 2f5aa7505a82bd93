"""The patterns for every name that reaches the disk or the engine: ids, groups, sessions.

Dots are ours: they separate an id from a file's kind (`ID.request.json`), and from what belongs to its message: a
subagent (`ID.s1`), or something that its agent has sent before the reply (`ID.m1`).
"""

from __future__ import annotations

import re

MAX_NAME = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
RULE = "1 to 64 letters, digits, '-' or '_', beginning with a letter or digit"

MAX_SUBAGENT_NUMBER = 9999
ID_PATTERN = rf"{NAME.pattern}(?:\.s[1-9][0-9]{{0,3}})?"
_ID = re.compile(ID_PATTERN, re.ASCII)
_REPLY_ID = re.compile(rf"{ID_PATTERN}|{NAME.pattern}\.m[1-9][0-9]{{0,4}}", re.ASCII)


def is_name(text: object) -> bool:
    """Whether `text` may be given from outside to a message, a group or a session."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def is_id(text: object) -> bool:
    """Whether `text` is the id of a message or of a subagent."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_reply_id(text: object) -> bool:
    """Whether a file in the outbox may bear it: `is_id`, or the id of something that was sent before the reply."""
    return isinstance(text, str) and _REPLY_ID.fullmatch(text) is not None


def sent_id(parent: str, number: int) -> str:
    """The id of something that a message's agent has sent before the reply, by a number from 1 to 99999."""
    return f"{parent}.m{number}"


def subagent_id(parent: str, number: int) -> str:
    """The id of a message's `number`th subagent, from 1 to MAX_SUBAGENT_NUMBER."""
    return f"{parent}.s{number}"


def parent_id(message_id: str) -> str:
    """The message to which a subagent, or something sent, belongs; empty for a message's own id."""
    parent, dot, _ = message_id.partition(".")
    return parent if dot else ""
