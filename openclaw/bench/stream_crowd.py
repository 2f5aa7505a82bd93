"""A crowd of streams of the Messages API, read by one thread: how long each event was on its way.

The stand-in for a model writes into each event when it left, by the clock that all processes of a machine share. The
streams begin one after another within the time between two events, so that their events do not come in bursts. Used by
one thread.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from openclaw.bench.figure import NotMeasured
from openclaw.clock import Clock

TIMEOUT = 60.0
"""Seconds without an event of any stream after which they are given up."""

_ASKED = json.dumps({
    "model": "m", "max_tokens": 9999, "stream": True, "messages": [{"role": "user", "content": "hello"}],
}).encode()  # fmt: skip
_REQUEST = (
    b"POST /v1/messages HTTP/1.1\r\nhost: model\r\ncontent-type: application/json\r\n"
    b"anthropic-version: 2023-06-01\r\ncontent-length: %d\r\n\r\n%b" % (len(_ASKED), _ASKED)
)
_STAMP = re.compile(rb'"text": "([0-9.]+) "')
_SERVED = b"HTTP/1.1 200 "
_END = b'"message_stop"}'
_MAX_REST = 4096


@dataclass(eq=False)
class _Stream:
    sock: socket.socket
    rest: bytes = b""
    events: int = 0
    refused: bool = False
    ended: bool = False


def read(clock: Clock, connect: Callable[[], socket.socket], count: int, events: int, every: float) -> list[float]:
    """Seconds that each event was on its way, of `count` streams at once, `events` in each, one in `every` seconds.

    Raises NotMeasured where a stream does not come whole.
    """
    took: list[float] = []
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        waiting = [_Stream(stack.enter_context(connect())) for _ in range(count)]
        began, left = clock.monotonic(), count
        while left:
            pause = began + (count - len(waiting)) * every / count - clock.monotonic() if waiting else TIMEOUT
            if waiting and pause <= 0:
                stream = waiting.pop()
                stream.sock.sendall(_REQUEST)
                ready.register(stream.sock, selectors.EVENT_READ, stream)
                continue
            found = ready.select(pause)
            if not found and not waiting:
                raise NotMeasured(f"{left} streams say nothing any more")
            for key, _ in found:
                if _take(clock, key.data, took):
                    ready.unregister(key.fileobj)
                    _check(key.data, events)
                    left -= 1
    return took


def _take(clock: Clock, stream: _Stream, took: list[float]) -> bool:
    """Note what has come; whether it was the last."""
    data = stream.sock.recv(65536)
    now = clock.monotonic()
    stream.refused = stream.refused or not (stream.events or (stream.rest + data).startswith(_SERVED))
    stream.rest += data
    end = 0
    for stamp in _STAMP.finditer(stream.rest):
        took.append(now - float(stamp[1]))
        stream.events += 1
        end = stamp.end()
    stream.ended = _END in stream.rest
    stream.rest = stream.rest[max(end, len(stream.rest) - _MAX_REST) :]
    return stream.ended or stream.refused or not data


def _check(stream: _Stream, events: int) -> None:
    if not stream.ended or stream.events != events:
        raise NotMeasured(f"a stream ended after {stream.events} events of {events}: {stream.rest[-300:]!r}")
