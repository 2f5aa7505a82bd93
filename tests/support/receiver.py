"""What stands at the other end of a callback_url: a real HTTP server that answers as a test says."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Receiver:
    """Answers each POST with the next of `answers`, 204 after them; `posted` has what came.

    While `gate` is not set no POST is answered.
    """

    def __init__(self, *answers: int) -> None:
        self.answers = deque(answers)
        self.posted: queue.Queue[Posted] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.posted.put(Posted(self.path, dict(self.headers), body))
                receiver.gate.wait(60)
                self.send_response(receiver.answers.popleft() if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="receiver")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/replies"

    def next(self) -> Posted:
        return self.posted.get(timeout=10)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
