"""Frames: the files by which the host and a container talk, one kind per suffix.

    host → container, in `in/`          container → host, in `out/`
    ID.request.json                     ID.started.json      the turn has begun
    ID.cancel.json                      ID.response.json     the turn is over
    ID.ping.json                        ID.pong.json

ID is a message's id, or the host's own for a ping. Bodies are JSON objects:

    request   {"message": {…}, "attempt": 1, "timeout_ms": 300000}
    cancel    {}
    ping      {}
    started   {}
    response  {"status": "done|failed|cancelled", "text": "…", "error"?: "…", "agent_ms": 12}
    pong      {"rss_kb": 17000, "turns": 1}

The host writes and deletes in both directories; a container writes to `out/` only. What a frame is about is
told by its name and by the directory in which it lies, never by its body.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

FrameKind = Literal["request", "cancel", "ping", "started", "response", "pong"]

MAX_FRAME = 4 * 1024 * 1024
"""Largest frame in bytes that either side reads: a request holds at most 256 KiB of message, a reply some more."""

_FRAME_NAME = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})\.(request|cancel|ping|started|response|pong)\.json", re.ASCII
)


class Frame(NamedTuple):
    """One frame as it was taken: its kind, the id in its name, and its body."""

    kind: FrameKind
    id: str
    body: dict[str, Any]


def frame_name(kind: FrameKind, frame_id: str) -> str:
    """The file name of a frame."""
    return f"{frame_id}.{kind}.json"


def parse_frame_name(name: str) -> tuple[FrameKind, str] | None:
    """(kind, id) of a file name, None where it is no frame's."""
    match = _FRAME_NAME.fullmatch(name)
    return (match[2], match[1]) if match else None  # type: ignore[return-value]  # the pattern's second group is a FrameKind
