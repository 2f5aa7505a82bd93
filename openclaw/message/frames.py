"""Frames: the files by which the host and a container talk, one kind per suffix.

    host → container, in `in/`          container → host, in `out/`
    ID.request.json                     ID.started.json      the turn has begun
    ID.cancel.json                      ID.response.json     the turn is over
    ID.ping.json                        ID.pong.json
    ID.N.result.json                    ID.N.call.json       the turn asks the host for something
                                        ID.events.jsonl      what happens in the turn, a line each

ID is a message's id, a subagent's, or the host's own for a ping; N counts the calls of a turn from 1. Bodies are JSON
objects:

    request   {"message": {…}, "attempt": 1, "timeout_ms": 300000, "results"?: [{"id", "status", "text"}],
               "task"?: {"context"?, "agent"?, "paths"?, "places"?, "reason"?}}
    cancel    {}
    ping      {}
    result    {"value": {…}} or {"error": "…"}
    started   {}
    response  {"status": "done|failed|cancelled", "text": "…", "error"?: "…", "agent_ms": 12, "record"?: {…}}
    pong      {"rss_kb": 17000, "turns": 1}
    call      {"tool": "spawn_subagent", "arguments": {…}}
    a line of events   {"kind": "delta", "text": "…"} or {"kind": "tool", "name": "…", "detail": "…"}

`results` are the replies of subagents that this session has not seen yet; `task` is there for a subagent, its `places`
are where the container has each of its `paths`. `record` is what the turn leaves to its session, see record; the host
keeps it once for each turn, and a subagent's not. The host writes and deletes in both directories; a container writes
to `out/` only. What a frame is about is told by its name and by the directory in which it lies, never by its body.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple

from openclaw.message.names import ID_PATTERN

STAGING: Final = ".stage"
"""A folder in `out/` where a runner may make its frames, so that the host hears of each once, when it has its name. The
host puts there what it has taken, to be written anew."""

FrameKind = Literal["request", "cancel", "ping", "result", "started", "response", "pong", "call"]

MAX_FRAME = 4 * 1024 * 1024
"""Largest frame in bytes that either side reads: a request holds at most 256 KiB of message, a reply some more."""

MAX_CALL = 1024 * 1024
"""Largest call in bytes: a task and its context have 256 KiB each at most."""

MAX_SIGN = 4096
"""Largest `started` or `pong` in bytes."""

MAX_EVENT = 64 * 1024
"""Longest line of events in bytes."""

MAX_EVENTS = 16 * 1024 * 1024
"""Bytes of events that a turn may write."""

MAX_EVENT_LINES = 50_000
"""Events that a turn may tell, each of which costs the host some 10 µs on a thread that serves every container."""

MAX_EVENT_NAME = 200
"""Characters of a tool's name in an event."""

MAX_EVENT_DETAIL = 4096
"""Characters of a tool's detail in an event."""

MAX_CALLS = 2000
"""Calls that the runner may make for one turn; their results lie in `in/` until it is over."""

SIDE_CALLS: Final = range(MAX_CALLS + 1, 2 * MAX_CALLS + 1)
"""Numbers of the calls that other processes in the container make for a turn, such as an MCP server that was started
there by hand: so they never take a number of the runner's, which are below."""

_NUMBERED: Final = ("call", "result")
_FRAME_NAME = re.compile(
    rf"({ID_PATTERN})(?:\.(request|cancel|ping|started|response|pong)|\.([1-9][0-9]{{0,5}})\.(call|result))\.json",
    re.ASCII,
)
_EVENTS_NAME = re.compile(rf"({ID_PATTERN})\.events\.jsonl", re.ASCII)


class FrameName(NamedTuple):
    """What a frame is about. `number` counts the calls of a turn, with their results; 0 for the other kinds."""

    kind: FrameKind
    id: str
    number: int = 0


class Frame(NamedTuple):
    """One frame as it was taken: its kind, the id and number in its name, and its body."""

    kind: FrameKind
    id: str
    body: dict[str, Any]
    number: int = 0


def frame_name(kind: FrameKind, frame_id: str, number: int = 0) -> str:
    """The file name of a frame."""
    return f"{frame_id}.{number}.{kind}.json" if kind in _NUMBERED else f"{frame_id}.{kind}.json"


def parse_frame_name(name: str) -> FrameName | None:
    """What a file name says, None where it is no frame's."""
    match = _FRAME_NAME.fullmatch(name)
    if match is None:
        return None
    frame_id, kind, number, numbered = match.groups()
    return FrameName(kind or numbered, frame_id, int(number or 0))  # type: ignore[arg-type]  # the pattern has the kinds


def events_name(frame_id: str) -> str:
    """The file name of a turn's events."""
    return f"{frame_id}.events.jsonl"


def parse_events_name(name: str) -> str | None:
    """The id in the name of a file of events, None where it is none."""
    match = _EVENTS_NAME.fullmatch(name)
    return match[1] if match else None
