"""Callers of the service, as real ones: HTTP connections that are kept alive, one thread each.

http.client sets TCP_NODELAY. An answer that is not what a working service gives is NotMeasured: times of refusals
would make a fine figure of a broken service.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from openclaw.bench.figure import NotMeasured
from openclaw.clock import Clock

REPLY_WAIT = 30
"""Seconds that a caller who waits for the reply asks the service to wait."""

CALL_TIMEOUT = 60.0


class Client:
    """One connection, made by `connect` or by the first call. Belongs to one thread at a time."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=CALL_TIMEOUT)

    def connect(self) -> None:
        self._connection.connect()

    def close(self) -> None:
        self._connection.close()

    def ask(self, text: str, session: str = "default") -> dict[str, Any]:
        """Send a message and wait for its reply."""
        reply = self._call("POST", f"/messages?wait={REPLY_WAIT}", 200, {"text": text, "session": session})
        if reply["status"] != "done":
            raise NotMeasured(f"a message was answered with: {reply}")
        return reply

    def send(self, text: str, session: str = "default") -> str:
        """Send a message and return its id, once it is accepted for good."""
        receipt = self._call("POST", "/messages", 202, {"text": text, "session": session})
        return str(receipt["id"])

    def events(self, text: str, session: str = "default") -> Iterator[tuple[str, dict[str, Any]]]:
        """Send a message and yield its events as they come, each by its name. To be read to the end."""
        self._request("POST", "/messages?stream=1", {"text": text, "session": session})
        name = ""
        with self._connection.getresponse() as response:
            if response.status != 200:
                raise NotMeasured(f"a message to be streamed was answered {response.status}: {response.read(300)!r}")
            for line in response:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data: dict[str, Any] = json.loads(value)
                    if name == "done" and data["status"] != "done":
                        raise NotMeasured(f"a message was answered with: {data}")
                    yield name, data

    def cancel(self, message_id: str) -> None:
        """Cancel a message, and with it its subagents."""
        self._call("DELETE", f"/messages/{message_id}", 202)

    def put_group(self, name: str) -> None:
        """Make a group with the settings by default."""
        self._call("PUT", f"/groups/{name}", 201, {})

    def get(self, path: str) -> dict[str, Any]:
        return self._call("GET", path, 200)

    def _call(self, method: str, path: str, expected: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
        self._request(method, path, body)
        with self._connection.getresponse() as response:
            answer = response.read()
        if response.status != expected:
            raise NotMeasured(f"{method} {path} was answered {response.status}: {answer[:300]!r}")
        value: dict[str, Any] = json.loads(answer)
        return value

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> None:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})


def crowd(clock: Clock, acts: Sequence[Callable[[float], None]]) -> float:
    """Do all of `acts` at once, a thread each, and return the seconds until the last one was done.

    They are let go at the same moment, which each is told as monotonic time.
    """
    let_go: list[float] = []
    gate = threading.Barrier(len(acts), lambda: let_go.append(clock.monotonic()))

    def run(act: Callable[[float], None]) -> None:
        gate.wait(CALL_TIMEOUT)
        act(let_go[0])

    with ThreadPoolExecutor(len(acts), "caller") as callers:
        for done in [callers.submit(run, act) for act in acts]:
            done.result()
    return clock.monotonic() - let_go[0]
