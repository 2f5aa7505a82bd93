"""A model behind a Unix socket: a real HTTP server that streams what a test has scripted, a script for each request."""

from __future__ import annotations

import json
import queue
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

TIMEOUT = 10.0

Event = dict[str, Any]
Block = dict[str, Any]


class Request(NamedTuple):
    """A request as it came. `connection` tells which connection it came on, from 1."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int


class Exchange:
    """A request that is being answered; used by its script, on the connection's thread."""

    def __init__(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        self._handler = handler
        self.request = request

    def raw(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def head(self, kind: str = "text/event-stream", **headers: str) -> None:
        """Begin a response in chunks."""
        lines = ["HTTP/1.1 200 OK", f"content-type: {kind}", "transfer-encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.raw("\r\n".join([*lines, "", ""]).encode())

    def send(self, *events: Event) -> None:
        """Each event as a chunk of its own."""
        for event in events:
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """The last chunk."""
        self.raw(b"0\r\n\r\n")

    def hang_up(self) -> None:
        """End the connection, in the middle of whatever it is in."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)


Script = Callable[[Exchange], None]


class ModelStub:
    """Serves the socket `path` from the beginning of the block to its end. `requests` has what came, in order."""

    def __init__(self, path: Path, *scripts: Script) -> None:
        self.path = path
        self.requests: queue.Queue[Request] = queue.Queue()
        self._scripts: queue.SimpleQueue[Script] = queue.SimpleQueue()
        self.will(*scripts)

    def will(self, *scripts: Script) -> None:
        """What the next requests get, one each; a request beyond them fails."""
        for script in scripts:
            self._scripts.put(script)

    def next_request(self) -> Request:
        return self.requests.get(timeout=TIMEOUT)

    def asked(self) -> list[Request]:
        """Every request that has come by now and was not looked at."""
        return [self.requests.get_nowait() for _ in range(self.requests.qsize())]

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.die()

    def die(self) -> None:
        """End as the host does when it is killed: nobody listens, and every connection ends."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join(TIMEOUT)

    def answer(self, exchange: Exchange) -> None:
        self.requests.put(exchange.request)
        try:
            script = self._scripts.get_nowait()
        except queue.Empty:
            script = refuses(400, "no script is left for this request")
        script(exchange)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, stub: ModelStub) -> None:
        self.stub = stub
        self.connections: list[socket.socket] = []
        super().__init__(str(stub.path), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client has gone, as some tests want it."""

    def hang_up(self) -> None:
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    server: _Server

    def setup(self) -> None:
        self.server.connections.append(self.request)
        self._number = len(self.server.connections)
        super().setup()

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.stub.answer(Exchange(self, Request(self.path, headers, json.loads(data), self._number)))

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


# Events


def begins(**usage: int) -> Event:
    return {"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1, **usage}}}


def text(index: int, *pieces: str) -> list[Event]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def tool_use(index: int, use_id: str, name: str, arguments: dict[str, Any] | str) -> list[Event]:
    """Arguments that are text come as they are, half of them at a time."""
    given = arguments if isinstance(arguments, str) else json.dumps(arguments)
    halves = (given[: len(given) // 2], given[len(given) // 2 :])
    deltas = ({"type": "input_json_delta", "partial_json": half} for half in halves)
    return block(index, {"type": "tool_use", "id": use_id, "name": name, "input": {}}, *deltas)


def thinking(index: int, thought: str, signature: str) -> list[Event]:
    return block(
        index,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": thought},
        {"type": "signature_delta", "signature": signature},
    )


def block(index: int, content: Block, *deltas: Event) -> list[Event]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def ends(reason: str, output_tokens: int = 20) -> list[Event]:
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": output_tokens}}
    return [delta, {"type": "message_stop"}]


# Scripts


def streams(events: Iterable[Event]) -> Script:
    """A whole answer made of these events."""
    listed = list(events)

    def script(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(*listed)
        exchange.end()

    return script


def says(*pieces: str, reason: str = "end_turn", **usage: int) -> Script:
    """An answer in text, piece by piece."""
    return streams([begins(**usage), *(text(0, *pieces) if pieces else []), *ends(reason)])


def uses(*tools: tuple[str, dict[str, Any] | str], said: str = "", reason: str = "tool_use") -> Script:
    """An answer that asks for tools: (name, arguments) each. Their ids are use_1, use_2, …"""
    begin = text(0, said) if said else []
    first = 1 if said else 0
    asked = [
        event
        for number, (name, arguments) in enumerate(tools, 1)
        for event in tool_use(first + number - 1, f"use_{number}", name, arguments)
    ]
    return streams([begins(), *begin, *asked, *ends(reason)])


def refuses(status: int, message: str = "no", **headers: str) -> Script:
    """An error in place of an answer."""
    body = json.dumps({"type": "error", "error": {"type": "some_error", "message": message}}).encode()

    def script(exchange: Exchange) -> None:
        lines = [f"HTTP/1.1 {status} Error", "content-type: application/json", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        exchange.raw("\r\n".join([*lines, "", ""]).encode() + body)

    return script


def breaks_off(*pieces: str, message: str = "") -> Script:
    """A stream that ends in the middle of a text, after these pieces of it; with `message`, by an error event."""

    def script(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(begins(), *(text(0, *pieces)[:-1] if pieces else []))
        if message:
            exchange.send({"type": "error", "error": {"type": "overloaded_error", "message": message}})
            exchange.end()
        else:
            exchange.hang_up()

    return script


def waits(until: threading.Event, then: Script) -> Script:
    """Nothing at all until the event is set."""

    def script(exchange: Exchange) -> None:
        assert until.wait(TIMEOUT)
        then(exchange)

    return script
