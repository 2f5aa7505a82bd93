"""Finds the usage in an answer of the Messages API while it passes by, and never stands in its way.

A scanner is fed each piece before it is passed on, so that what a container has read is counted. It keeps no more than
the line of the stream that is not whole yet, or the body of an answer that is no stream, each within a bound; it never
raises, whatever it is fed. One scanner for one answer, on one thread.

Streams: https://platform.claude.com/docs/en/build-with-claude/streaming
`message_start` has the usage of the prompt, each `message_delta` that of the answer so far; numbers are totals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from openclaw.gateway.usage import Usage

MAX_LINE = 64 * 1024
"""Bytes of a line of the stream that is looked at; those with usage have some hundreds."""

MAX_BODY = 4 * 1024 * 1024
"""Bytes of an answer that is no stream; the longest answers of today's models have a quarter of that."""

Report = Callable[[Usage], None]
"""Is told what has been used since it was told last."""


class Scanner(Protocol):
    def feed(self, piece: bytes) -> None:
        """The next piece of the answer, cut anywhere."""
        ...

    def end(self) -> None:
        """The answer was whole."""
        ...


def scanner_for(content_type: str, report: Report) -> Scanner:
    """The scanner for an answer of this type; what is neither a stream nor JSON has no usage that could be found."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return StreamScanner(report)
    if kind == "application/json":
        return BodyScanner(report)
    return BlindScanner()


class StreamScanner:
    """Looks at server-sent events line by line."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seen = Usage()
        self._line = b""  # the line that is not whole yet
        self._skip = False  # it is longer than MAX_LINE: its rest is passed over

    def feed(self, piece: bytes) -> None:
        *whole, rest = piece.split(b"\n")
        if whole:
            if not self._skip:
                self._look(self._line + whole[0])
            for line in whole[1:]:
                self._look(line)
            self._line, self._skip = b"", False
        if not self._skip:
            self._line += rest
        if len(self._line) > MAX_LINE:
            self._line, self._skip = b"", True

    def end(self) -> None:
        """Nothing is left: an event ends with an empty line."""

    def _look(self, line: bytes) -> None:
        if not line.startswith(b"data:") or b'"usage"' not in line or len(line) > MAX_LINE:
            return
        event = _parse(line[len(b"data:") :])
        match event:
            case {"type": "message_start", "message": {"usage": dict(usage)}}:
                pass
            case {"type": "message_delta", "usage": dict(usage)}:
                pass
            case _:
                return
        seen = self._seen.at_least(Usage.of(usage))
        news, self._seen = seen.minus(self._seen), seen
        if any(news):
            self._report(news)


class BodyScanner:
    """Looks at a whole message, as it is answered to a request that asks for no stream."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._body: bytearray | None = bytearray()

    def feed(self, piece: bytes) -> None:
        if self._body is not None:
            self._body += piece
            if len(self._body) > MAX_BODY:
                self._body = None

    def end(self) -> None:
        match _parse(self._body or b""):
            case {"usage": dict(given)}:
                usage = Usage.of(given)
                if any(usage):
                    self._report(usage)


class BlindScanner:
    """Looks at nothing."""

    def feed(self, piece: bytes) -> None: ...

    def end(self) -> None: ...


def _parse(data: bytes | bytearray) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # garbage, or nested beyond measure
        return None
