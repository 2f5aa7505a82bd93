"""HTTP by hand: what goes over the wire is what the test says, and nothing is retried, followed or repaired."""

from __future__ import annotations

import json
import os
import socket
import struct
from types import TracebackType
from typing import Any, NamedTuple, Self

TIMEOUT_S = 10.0


class RawResponse(NamedTuple):
    """One response as it came; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """One TCP connection. Reading fails after 10 seconds, which no test that passes comes near.

    `uid` is whose socket it is, for the kernel and so for the service; only root may give one to somebody else.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", uid: int | None = None) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.settimeout(TIMEOUT_S)
        if uid is not None:
            os.fchown(self.sock.fileno(), uid, -1)
        self.sock.connect((host, port))
        self._stream = self.sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self.sock.close()

    def reset(self) -> None:
        """End the connection as a machine does that has forgotten it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def half_close(self) -> None:
        """Send no more; what the server says is still heard."""
        self.sock.shutdown(socket.SHUT_WR)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> RawResponse:
        """Send one well-formed request and read its response; `_` in a header's name stands for `-`."""
        self.ask(method, path, body, **headers)
        return self.response(head_only=method == "HEAD")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        """Send one well-formed request, and leave its response to be read later."""
        fields = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))

    def response(self, *, head_only: bool = False) -> RawResponse:
        status = int(self._line().split(b" ")[1])
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        length = 0 if head_only else int(headers.get("content-length", "0"))
        return RawResponse(status, headers, self._stream.read(length))

    def rest(self) -> bytes:
        """All that is still sent; blocks until the server has closed. Raises ConnectionResetError where it is cut."""
        return self._stream.read()

    def chunks(self) -> bytes:
        """The body of a response in the chunked transfer coding."""
        body = b""
        while size := int(self._line(), 16):
            body += self._stream.read(size)
            assert self._line() == b""
        assert self._line() == b""
        return body

    def at_end(self) -> bool:
        """Whether the server has closed; blocks until it has, or sends something."""
        try:
            return self._stream.read(1) == b""
        except ConnectionResetError:
            return True

    def _line(self) -> bytes:
        line = self._stream.readline()
        assert line.endswith(b"\r\n"), f"the server closed within a response: {line!r}"
        return line[:-2]
