"""What passes between a connection and the application: one request, one response.

Pure values without state; used on connection threads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from openclaw.intake.hangups import Hangup
from openclaw.message import dump_bytes

Headers = tuple[tuple[str, str], ...]


class WatchHangup(Protocol):
    """Opens a context for an event that is set when the caller goes away or the server closes.

    An `endless` one is set at once when it closes; the others have a moment in which what they wait for may come.
    """

    def __call__(self, *, endless: bool = False) -> AbstractContextManager[Hangup]: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One request whose sender may make it. `query` is what stands behind the `?`, still encoded.

    `watch_hangup` opens a context whose event is set when the caller goes away or the server closes: a handler that
    blocks waits on that event, so that nobody is waited for who is not there.
    """

    method: str
    path: str
    query: str
    body: bytes
    watch_hangup: WatchHangup
    last_event_id: str = ""
    """Where a reader of events was when its connection broke."""
    if_none_match: str = ""
    """The tags of what the caller has already."""


class Response(NamedTuple):
    """One answer; the connection adds Content-Length, Date and Connection to `headers`."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()


NO_CONTENT = Response(204, b"")


class StreamedResponse(NamedTuple):
    """An answer whose end is not known yet: each of `chunks` is sent as it comes, on the connection's thread."""

    status: int
    content_type: str
    headers: Headers
    chunks: Generator[bytes, None, None]


Handler = Callable[[Request], Response | StreamedResponse]


def json_response(status: int, value: dict[str, Any], headers: Headers = ()) -> Response:
    return Response(status, dump_bytes(value), headers=headers)


def render(response: Response, *, now: float, close: bool, head_only: bool = False) -> bytes:
    """The bytes of `response`: in one piece, so that they leave in one segment where they fit. `now` is Unix time."""
    length = f"Content-Length: {len(response.body)}" if response.status not in (204, 304) else ""  # RFC 9110, 8.6
    head = _head(response, length, now=now, close=close)
    return head if head_only else head + response.body


def render_stream_head(response: StreamedResponse, *, now: float, chunked: bool, close: bool) -> bytes:
    """The bytes before the first chunk. Not `chunked` (HTTP/1.0), the end of the connection ends the answer."""
    return _head(response, "Transfer-Encoding: chunked" if chunked else "", now=now, close=close or not chunked)


def render_chunk(data: bytes) -> bytes:
    """One chunk (RFC 9112, 7.1); an empty one is the last."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _head(response: Response | StreamedResponse, length: str, *, now: float, close: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Date: {_date(int(now))}",
        f"Content-Type: {response.content_type}",
        *([length] if length else []),
        *([] if any(name == "Cache-Control" for name, _ in response.headers) else ["Cache-Control: no-store"]),
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
