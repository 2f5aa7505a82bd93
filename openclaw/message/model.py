"""Message and Reply: the two records that everything else carries.

A Message is what somebody asked; it never changes after it was accepted. A Reply is what they get, one per id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from openclaw.errors import InvalidMessage
from openclaw.message.names import RULE, is_name
from openclaw.message.strict_json import dump_bytes

Priority = Literal["high", "normal", "low"]
Status = Literal["done", "failed", "cancelled"]
Route = Literal["persistent", "dedicated", "subagent"]

MAX_SENDER = 200
MAX_URL = 2048
MAX_ATTACHMENTS = 20
MAX_PATH = 1024
_MAX_SHOWN = 100
_WITHIN = 'within the group\'s folder, as in ["photos/cat.jpg"]'


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that somebody asked, as in `{"text": …}` with the optional keys below.

    `id` is empty until the message is accepted; the others have the contract's defaults.
    """

    text: str
    id: str = ""
    group: str = "main"
    session: str = "default"
    sender: str = ""
    priority: Priority = "normal"
    callback_url: str = ""
    attachments: tuple[str, ...] = ()
    """Files that belong to it: paths within the group's folder, which the agent finds where that is mounted."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Message:
        """Check `value` key by key. Raises InvalidMessage, whose text names the key and what it takes."""
        unknown = sorted(value.keys() - _KEYS)
        if unknown:
            raise InvalidMessage(f"unknown key {unknown[0][:80]!r}; a message has {', '.join(sorted(_KEYS))}")
        if "text" not in value:
            raise InvalidMessage('a message needs "text", as in {"text": "hello"}')
        for key, given in value.items():
            if key != "attachments" and not isinstance(given, str):
                raise InvalidMessage(f'"{key}" must be a string')
        if not value["text"].strip():
            raise InvalidMessage('"text" is empty: say in it what is asked, as in {"text": "hello"}')
        for key in ("id", "group", "session"):
            if key in value and not is_name(value[key]):
                raise InvalidMessage(f'"{key}" must be {RULE}')
        if value.get("priority", "normal") not in get_args(Priority):
            raise InvalidMessage('"priority" is "high", "normal" or "low"')
        _check_sender(value.get("sender", ""))
        _check_url(value.get("callback_url", ""))
        return cls(**{**value, "attachments": _attachments(value.get("attachments", []))})

    def with_id(self, message_id: str) -> Message:
        return replace(self, id=message_id)

    def to_json(self) -> dict[str, Any]:
        """The message with every key that is not empty."""
        value = {key: given for key in Message.__slots__ if (given := getattr(self, key))}
        return {**value, "attachments": list(self.attachments)} if self.attachments else value

    def content(self) -> dict[str, Any]:
        """The message as JSON without its id, for where the id is a file's name: a subagent's has a dot."""
        return {key: given for key, given in self.to_json().items() if key != "id"}

    def digest(self) -> str:
        """Identifies the content, id aside: the same id with the same digest is one message."""
        import hashlib  # here, since OpenSSL takes 3.6 MB and the container, which never asks, has 20 to spend

        content = {key: getattr(self, key) for key in Message.__slots__ if key != "attachments"}
        if self.attachments:  # a message without any has the digest that it had before there were attachments
            content["attachments"] = self.attachments
        return hashlib.sha256(dump_bytes({**content, "id": ""})).hexdigest()


_KEYS = frozenset(Message.__slots__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Whole milliseconds by the monotonic clock: accepted to begun, the agent's own, end to end."""

    prep_ms: int = 0
    agent_ms: int = 0
    total_ms: int = 0

    def to_json(self) -> dict[str, int]:
        return {"prepTime": self.prep_ms, "agentTime": self.agent_ms, "totalTime": self.total_ms}


@dataclass(frozen=True, slots=True)
class Reply:
    """The one answer to a message. `error` is empty unless `status` is failed or cancelled."""

    id: str
    group: str
    session: str
    status: Status
    text: str
    route: Route
    attempt: int
    timing: Timing
    error: str = ""
    subagents: tuple[str, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    """Tokens of the model that this message has used, its subagents' aside; empty where none were counted."""

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": self.id,
            "group": self.group,
            "session": self.session,
            "status": self.status,
            "text": self.text,
            "route": self.route,
            "attempt": self.attempt,
            "timing": self.timing.to_json(),
        }
        if self.error:
            value["error"] = self.error
        if self.subagents:
            value["subagents"] = list(self.subagents)
        if self.usage:
            value["usage"] = dict(self.usage)
        return value


def _check_sender(sender: str) -> None:
    if len(sender) > MAX_SENDER or not sender.isprintable():
        raise InvalidMessage(f'"sender" takes at most {MAX_SENDER} printable characters on one line')


def _check_url(url: str) -> None:
    if not url:
        return
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise InvalidMessage(f'"callback_url" takes at most {MAX_URL} printable characters without spaces')
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidMessage('"callback_url" must be an http or https address, as in http://127.0.0.1:9000/replies')


def _attachments(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise InvalidMessage(f'"attachments" must be a list of paths {_WITHIN}')
    if len(given) > MAX_ATTACHMENTS:
        raise InvalidMessage(f'"attachments" takes at most {MAX_ATTACHMENTS} paths, and these are {len(given)}')
    for number, path in enumerate(given, 1):
        if trouble := _trouble(path):
            which = " ".join(filter(None, [f"entry {number}", _shown(path)]))
            raise InvalidMessage(f'"attachments" takes paths {_WITHIN}: {which} {trouble}')
    return tuple(given)


def _trouble(path: object) -> str:
    """Why it is no path within a folder, by its words; where links lead is looked at where it is used."""
    if not isinstance(path, str):
        return "is no text"
    if not path:
        return "is empty"
    if len(path) > MAX_PATH:
        return f"has {len(path)} characters, more than {MAX_PATH}"
    printable = all(character.isprintable() or (character.isspace() and character > "\x1f") for character in path)
    if not printable or path.splitlines() != [path]:
        return "has characters that cannot be printed, or the end of a line"
    if path.startswith("/"):
        return "begins with /: it is to be relative to that folder"
    parts = path.split("/")
    if ".." in parts:
        return "has .. in it, which would lead out"
    if "." in parts or "" in parts:
        return "has an empty part or a . between its slashes"
    return ""


def _shown(path: object) -> str:
    """A path as JSON in ASCII, which fits a line whatever it holds; its beginning where it is long."""
    if not isinstance(path, str):
        return ""
    return json.dumps(path if len(path) <= _MAX_SHOWN else f"{path[:_MAX_SHOWN]}…", ensure_ascii=not path.isprintable())
