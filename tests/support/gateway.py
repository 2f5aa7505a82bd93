"""A gateway in front of a stand-in for the Messages API, and a client as a container is one."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openclaw.clock import SystemClock
from openclaw.gateway.gateway import MAX_CONNECTIONS, Gateway
from openclaw.gateway.site import Limits
from openclaw.gateway.upstream import Upstream
from openclaw.gateway.usage import Tally, Usage
from tests.support.raw_http import TIMEOUT_S, RawClient

KEY = "sk-ant-canary-0123456789"
"""What no container may ever see."""


class RecordingBooks:
    """Keeps what is noted; `tallies` has the turns that are in flight, `used_by` the tokens of each group."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.answers: queue.Queue[tuple[str, int]] = queue.Queue()
        self._lock = threading.Lock()
        self._used: dict[str, Usage] = {}  # guarded by _lock

    def tally_of(self, turn_id: str) -> Tally | None:
        return self.tallies.get(turn_id)

    def used(self, group: str, usage: Usage) -> None:
        with self._lock:
            self._used[group] = self._used.get(group, Usage()).plus(usage)

    def answered(self, group: str, status: int) -> None:
        self.answers.put((group, status))

    def used_by(self, group: str) -> Usage:
        with self._lock:
            return self._used.get(group, Usage())


class Hall:
    """A gateway, and doors for containers below `root`."""

    def __init__(self, gateway: Gateway, books: RecordingBooks, root: Path) -> None:
        self.gateway = gateway
        self.books = books
        self._root = root

    def admit(self, cid: str = "c1", group: str = "main", *turns: str) -> Path:
        """Open the door of a container in which `turns` are in flight; its directory."""
        directory = self._root / cid / "gw"
        directory.mkdir(parents=True, exist_ok=True)
        self.gateway.admit(cid, group, directory, turns.__contains__)
        return directory

    def wait_until_served(self) -> None:
        """Return when no connection is left, for at most 10 s."""
        with self.gateway._changed:
            assert self.gateway._changed.wait_for(lambda: not self.gateway._connections, TIMEOUT_S)


@contextmanager
def hall(
    root: Path,
    url: str,
    *,
    key: str = KEY,
    oauth_token: str = "",
    silence_s: float = 60.0,
    limits: Limits | None = None,
    max_connections: int = MAX_CONNECTIONS,
) -> Iterator[Hall]:
    """A running gateway to the API at `url`."""
    upstream = Upstream(url, api_key=key, oauth_token=oauth_token, silence_s=silence_s)
    books = RecordingBooks()
    gateway = Gateway(upstream, books, SystemClock(), os.getuid(), limits=limits, max_connections=max_connections)
    gateway.start()
    try:
        yield Hall(gateway, books, root)
    finally:
        gateway.close()


class GatewayClient(RawClient):
    """One connection to the gateway, by the directory in which the container has its socket."""

    def __init__(self, directory: Path, receive_buffer: int = 0) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        held = os.open(directory, os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{held}/s")
        finally:
            os.close(held)
        self._stream = self.sock.makefile("rb")

    def call(self, path: str = "/v1/messages", *, text: str = "hi", stream: bool = True, **headers: str) -> None:
        """Ask the model; `_` in a header's name stands for `-`."""
        body = {"model": "m", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": text}]}
        given = {"Content-Type": "application/json", "anthropic-version": "2023-06-01", **headers}
        self.ask("POST", path, json.dumps(body).encode(), **given)

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and header of an answer whose body is read piece by piece."""
        status = int(self._line().split(b" ")[1])
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        return status, headers

    def piece(self) -> bytes:
        """The next piece, b"" for the end. Raises EOFError where the connection was cut before that."""
        size = self._stream.readline()
        if not size.endswith(b"\r\n"):
            raise EOFError("the answer was cut")
        data = self._stream.read(int(size, 16))
        assert self._stream.readline() == b"\r\n"
        return data

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What is left of a stream, to its end."""
        data = b""
        while piece := self.piece():
            data += piece
        lines = [block.split("\n") for block in data.decode().strip().split("\n\n")]
        return [(name.removeprefix("event: "), json.loads(value.removeprefix("data: "))) for name, value in lines]

    def say(self, **more: Any) -> str:
        """Ask, and read the whole text of the answer."""
        self.call(**more)
        status, _ = self.head()
        assert status == 200
        return "".join(data["delta"].get("text", "") for name, data in self.events() if name == "content_block_delta")
