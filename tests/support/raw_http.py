"""HTTP by hand: what goes over the wire is what the test says, and nothing is retried, followed or repaired."""

from __future__ import annotations

import json
import socket
from types import TracebackType
from typing import Any, NamedTuple

TIMEOUT_S = 10.0


class RawResponse(NamedTuple):
    """One response as it came; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """One TCP connection. Reading fails after 10 seconds, which no test that passes comes near."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._stream = self.sock.makefile("rb")

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> RawResponse:
        """Send one well-formed request and read its response; `_` in a header's name stands for `-`."""
        fields = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
        return self.response(head_only=method == "HEAD")

    def response(self, *, head_only: bool = False) -> RawResponse:
        status = int(self._line().split(b" ")[1])
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        length = 0 if head_only else int(headers.get("content-length", "0"))
        return RawResponse(status, headers, self._stream.read(length))

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
