"""What passes between a connection and the application: one request, one response.

Pure values without state; used on connection threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple

from openclaw.message import dump_bytes

Headers = tuple[tuple[str, str], ...]


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
    watch_hangup: Callable[[], AbstractContextManager[threading.Event]]


class Response(NamedTuple):
    """One answer; the connection adds Content-Length, Date and Connection to `headers`."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()


Handler = Callable[[Request], Response]


def json_response(status: int, value: dict[str, Any], headers: Headers = ()) -> Response:
    return Response(status, dump_bytes(value), headers=headers)


def render(response: Response, *, now: float, close: bool, head_only: bool = False) -> bytes:
    """The bytes of `response`: in one piece, so that they leave in one segment where they fit. `now` is Unix time."""
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Date: {formatdate(now, usegmt=True)}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (b"" if head_only else response.body)
