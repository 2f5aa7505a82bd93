"""Record: what one turn leaves to its session. The runner returns it with its response, the host keeps it.

    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": [{"type": "text", …}, …]}],
     "tokens"?: 5120, "new"?: true, "summary"?: {"upto": "ID", "text": "…"}}

`messages` are the turn's own, as the Messages API takes them. `tokens` is how much of the model's window the session
fills with them. With `new` the turn began a fresh session; with `summary` its text stands for every turn up to `upto`.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from openclaw.errors import InvalidMessage
from openclaw.message.names import is_id

MAX_RECORD: Final = 1024 * 1024
"""Bytes of JSON that a turn's messages may have."""

MAX_MESSAGES: Final = 500
"""Messages of one turn: each call of the model adds two at most."""

MAX_SUMMARY: Final = 64 * 1024
"""Characters of a summary."""


class Summary(NamedTuple):
    """`text` stands for every turn of the session up to the one with the id `upto`."""

    upto: str
    text: str


class Record(NamedTuple):
    """What one turn leaves to its session."""

    messages: list[dict[str, Any]]
    tokens: int = 0
    """Tokens of the model's window that are filled when the turn is over; 0 where that is not known."""
    new: bool = False
    summary: Summary | None = None

    @classmethod
    def from_json(cls, value: object) -> Record:
        """Check `value` key by key. Raises InvalidMessage, whose text names what is wrong."""
        if not isinstance(value, dict):
            raise InvalidMessage("a record is an object")
        messages, tokens = value.get("messages"), value.get("tokens", 0)
        new, summary = value.get("new", False), value.get("summary")
        if not isinstance(messages, list) or len(messages) > MAX_MESSAGES or not all(map(_is_message, messages)):
            raise InvalidMessage(f'a record needs "messages", at most {MAX_MESSAGES}, with "role" and "content" each')
        if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
            raise InvalidMessage('"tokens" must be a whole number')
        if not isinstance(new, bool):
            raise InvalidMessage('"new" must be true or false')
        if size(messages) > MAX_RECORD:
            raise InvalidMessage(f"the messages of a turn take at most {MAX_RECORD} bytes")
        return cls(messages, tokens, new, None if summary is None else _summary(summary))

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"messages": self.messages}
        if self.tokens:
            value["tokens"] = self.tokens
        if self.new:
            value["new"] = True
        if self.summary is not None:
            value["summary"] = self.summary._asdict()
        return value


def size(messages: list[dict[str, Any]]) -> int:
    """Bytes that these messages take as JSON; half a surrogate pair counts as one."""
    return len(json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def _is_message(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != {"role", "content"} or value["role"] not in ("user", "assistant"):
        return False
    content = value["content"]
    return isinstance(content, str) or (isinstance(content, list) and all(map(_is_block, content)))


def _is_block(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _summary(value: object) -> Summary:
    match value:
        case {"upto": str(upto), "text": str(text)} if is_id(upto) and len(text) <= MAX_SUMMARY:
            return Summary(upto, text)
    raise InvalidMessage(f'"summary" needs "upto", an id, and "text" of at most {MAX_SUMMARY} characters')
