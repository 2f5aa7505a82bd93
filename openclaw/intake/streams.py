"""Server-sent events: what a message's reader yields, as `text/event-stream` (HTML Living Standard, 9.2).

No state; runs on the connection's thread, which it holds as long as the stream lasts. It wakes for events, for a caller
that goes away, and after HEARTBEAT of silence, when a comment keeps proxies from giving the connection up.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from typing import Any, Protocol

from openclaw.intake.exchange import Headers, Request, StreamedResponse
from openclaw.message import dump_bytes

HEARTBEAT = 15.0
"""Seconds of silence before a comment is sent."""

_STOPPING = b": the service is stopping; the message is kept and goes on after the next start\n\n"

_MAX_PIECE = 64 * 1024
"""Bytes from which on what is there is sent before more of it is rendered."""


class SentEvent(Protocol):
    """One event: its id, its name, and the JSON object that it bears."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def data(self) -> dict[str, Any]: ...


class EventReader(Protocol):
    """A place in a message's events."""

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        ...

    def next(self, wake: threading.Event, timeout: float, /) -> Sequence[SentEvent]:
        """The next events; none after `timeout` seconds, at the end, and when others set `wake`."""
        ...


def event_stream(reader: EventReader, request: Request, headers: Headers = ()) -> StreamedResponse:
    """The response that tells all that `reader` has."""
    return StreamedResponse(
        200, "text/event-stream; charset=utf-8", (*headers, ("X-Accel-Buffering", "no")), _chunks(reader, request)
    )


def _chunks(reader: EventReader, request: Request) -> Generator[bytes, None, None]:
    """A piece for each batch of events, more for a large one, until the last is told or nobody listens any more."""
    with request.watch_hangup(endless=True) as hangup:
        while not reader.ended:
            hangup.clear()
            gone = hangup.gone  # looked at after the event was cleared: a hang-up from now on wakes
            if gone and not hangup.closing:
                return
            events = reader.next(hangup, 0 if gone else HEARTBEAT)
            if events:
                yield from _pieces(events)
            elif gone:
                yield _STOPPING
                return
            elif not reader.ended and not hangup.gone:
                yield b": nothing new\n\n"


def _pieces(events: Sequence[SentEvent]) -> Generator[bytes, None, None]:
    piece = bytearray()
    for event in events:
        piece += _rendered(event)
        if len(piece) >= _MAX_PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _rendered(event: SentEvent) -> bytes:
    data = dump_bytes(event.data).rstrip(b"\n")  # JSON on one line: it holds no bare line break
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.name.encode(), data)
