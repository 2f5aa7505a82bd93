"""Server-sent events as the service writes them (HTML Living Standard, 9.2): bytes in, events out.

No state beyond the stream that is read; one thread. What has no id, no name or no JSON object is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from openclaw.errors import InvalidMessage, OpenClawError
from openclaw.message import load_object

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event; the last one bears the whole reply."""


class Event(NamedTuple):
    """One event of a message: queued, started, delta, tool, subagent, message or done."""

    id: str
    name: str
    data: dict[str, Any]


class NotEvents(OpenClawError):
    """What came is no stream of events."""


def parse(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events in `pieces`, each as soon as it is whole; one that is cut off by the end is none.

    Comments, by which a silent connection is kept, are passed over. Raises NotEvents.
    """
    buffer = bytearray()
    for piece in pieces:
        searched = max(0, len(buffer) - 1)
        buffer += piece
        while (end := buffer.find(b"\n\n", searched)) >= 0:
            block, searched = bytes(buffer[:end]), 0
            del buffer[: end + 2]
            if not block.startswith(b":"):
                yield _event(block)
        if len(buffer) > MAX_EVENT:
            raise NotEvents(f"the service sent an event of more than {MAX_EVENT} bytes")


def _event(block: bytes) -> Event:
    fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
    try:
        return Event(fields[b"id"].decode(), fields[b"event"].decode(), load_object(fields[b"data"]))
    except (KeyError, UnicodeDecodeError, InvalidMessage):
        raise NotEvents(f"the service sent what is no event: {block[:80]!r}") from None
