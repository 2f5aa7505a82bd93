"""A strict reader of server-sent events, over a real socket: nothing that the API does not send is let through."""

from __future__ import annotations

import json
import re
import socket
from types import TracebackType
from typing import Any, NamedTuple

NAMES = ("queued", "started", "delta", "tool", "subagent", "done", "now", "times", "failed", "groups")
_BLOCK = re.compile(rf"id: (?:[2-9]-)?[0-9]+(?:\.[0-9]+)?\nevent: (?:{'|'.join(NAMES)})\ndata: {{[^\r\n]*}}")
_TIMEOUT = 10.0


class Sent(NamedTuple):
    id: str
    name: str
    data: dict[str, Any]


class EventClient:
    """One request and the stream that answers it. Reading fails after 10 seconds without anything.

    `receive_buffer` is the size in bytes that the kernel is asked for, 0 for its own. `largest_piece` is the largest
    chunk in bytes so far.
    """

    def __init__(
        self,
        port: int,
        path: str,
        *fields: str,
        method: str = "GET",
        version: str = "1.1",
        body: str = "",
        receive_buffer: int = 0,
    ) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        if receive_buffer:  # before it connects, or the window is agreed on already
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))
        lines = [f"{method} {path} HTTP/{version}", f"Host: 127.0.0.1:{port}", *fields]
        if body:
            lines.append(f"Content-Length: {len(body.encode())}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        self._file = self.sock.makefile("rb")
        self.head = self._read_head()
        self._chunked = "transfer-encoding: chunked" in self.head.lower()
        self._buffer = b""
        self.comments: list[str] = []
        self.largest_piece = 0

    def next(self) -> Sent | None:
        """The next event, None at the end."""
        while (block := self._block()) is not None:
            if not block.startswith(":"):
                assert _BLOCK.fullmatch(block), block
                event_id, name, data = (line.partition(": ")[2] for line in block.split("\n"))
                return Sent(event_id, name, json.loads(data))
            self.comments.append(block)
        return None

    def comment(self) -> str:
        """The next comment; nothing else may come before it."""
        block = self._block()
        assert block is not None
        assert block.startswith(":"), block
        return block

    def take(self, count: int) -> list[Sent]:
        """The next `count` events, which must come."""
        found = [event for _ in range(count) if (event := self.next()) is not None]
        assert len(found) == count, f"the stream ended after {found}"
        return found

    def rest(self) -> list[Sent]:
        """All events up to the end."""
        found = []
        while (event := self.next()) is not None:
            found.append(event)
        return found

    def at_end(self) -> bool:
        """Whether the server has closed the connection; blocks until it has, or sends something."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._file.close()
        self.sock.close()

    def __enter__(self) -> EventClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _block(self) -> str | None:
        """What stands before the next empty line."""
        while b"\n\n" not in self._buffer:
            more = self._read_piece()
            self.largest_piece = max(self.largest_piece, len(more))
            if not more:
                assert self._buffer == b"", "the stream ended in the middle of an event"
                return None
            self._buffer += more
        block, _, self._buffer = self._buffer.partition(b"\n\n")
        return block.decode()

    def _read_head(self) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            assert line.endswith(b"\r\n"), f"the connection ended within a head: {head + line!r}"
            head += line
        return head.decode("latin-1")

    def _read_piece(self) -> bytes:
        if not self._chunked:
            return self._file.read1(65536)
        size = self._file.readline()
        assert re.fullmatch(rb"[0-9a-f]+\r\n", size), size
        data = self._file.read(int(size, 16))
        assert self._file.readline() == b"\r\n"
        return data
