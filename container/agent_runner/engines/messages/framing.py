"""Where an HTTP/1.1 response begins and ends (RFC 9112): its head, and its body by chunks, by length, or to the end.

Pure: it is given the bytes that have come. What is ambiguous is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent_runner.engines.messages.failures import Cut

MAX_LINE = 64 * 1024
"""Bytes of a response's head, or of one line between chunks."""

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: .*)?", re.ASCII)
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")


class Head(NamedTuple):
    """A response's status and headers, their names in lower case."""

    status: int
    headers: dict[str, str]
    keeps_connection: bool


def parse_head(data: bytes) -> Head:
    """The head in `data`, without the empty line that ends it. Raises Cut."""
    first, *lines = data.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise Cut("what answers for the model does not speak HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise Cut(f"the gateway to the model sent a malformed header: {line[:80]!r}")
        name, value = header[1].lower(), header[2]
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    keeps = status[1] == "1" and "close" not in headers.get("connection", "").lower()
    return Head(int(status[2]), headers, keeps)


class Body:
    """The body that follows `head`, taken out of a buffer to which others add. Raises Cut."""

    def __init__(self, head: Head) -> None:
        length, coding = head.headers.get("content-length"), head.headers.get("transfer-encoding")
        unclear = length is not None and (coding is not None or not re.fullmatch(r"[0-9]{1,15}", length, re.ASCII))
        if unclear or (coding is not None and coding.lower() != "chunked"):
            raise Cut("the gateway to the model sent a response whose end is unclear")
        self._chunked = coding is not None
        self._left = int(length) if length is not None else 0
        self._line_due = False  # the one that ends a chunk
        self._trailers = False
        self.ends_with_connection = not self._chunked and length is None
        self.keeps_connection = head.keeps_connection and not self.ends_with_connection
        self.ended = not self._chunked and not self.ends_with_connection and self._left == 0

    def take(self, buffer: bytearray) -> bytes:
        """The next piece that is there, taken out of `buffer`; empty where there is none."""
        if self.ends_with_connection:
            return _cut_off(buffer, len(buffer))
        if self._chunked and self._left == 0:
            self._next_chunk(buffer)
        piece = _cut_off(buffer, self._left)
        self._left -= len(piece)
        self.ended = self.ended or (not self._chunked and self._left == 0)
        return piece

    def _next_chunk(self, buffer: bytearray) -> None:
        """Take the lines up to the next chunk's data, as far as they have come; what was taken is remembered."""
        while not self.ended and (line := _line(buffer)) is not None:
            if self._trailers:
                self.ended = not line
            elif self._line_due:
                if line:
                    raise Cut("the gateway to the model sent a chunk that is longer than it said")
                self._line_due = False
            elif (size := _CHUNK.fullmatch(line)) is None:
                raise Cut("the gateway to the model sent a malformed chunk")
            elif int(size[1], 16):
                self._left, self._line_due = int(size[1], 16), True
                return
            else:
                self._trailers = True


def _line(buffer: bytearray) -> bytes | None:
    """The next line, taken out; None where it has not come whole."""
    end = buffer.find(b"\r\n")
    if end < 0:
        if len(buffer) > MAX_LINE:
            raise Cut("the gateway to the model sent a malformed chunk")
        return None
    line = _cut_off(buffer, end)
    del buffer[:2]
    return line


def _cut_off(buffer: bytearray, length: int) -> bytes:
    piece = bytes(buffer[:length])
    del buffer[:length]
    return piece
