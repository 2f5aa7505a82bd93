"""A stand-in for the Messages API: a real HTTP server on loopback that answers as a test, or its command line, says.

    python -m tests.support.messages_api --port 0 --latency-ms 5200 --text "hello"

It checks what the API checks (version, key, roles, that each tool use has its result), streams event by event, and
keeps every request. What it answers comes from a list, in order, or from a function of the request.
"""

from __future__ import annotations

import argparse
import itertools
import json
import queue
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

from tests.support.messages_answers import Answer, Fail, Raw, Say, ToolUse, estimate, say

TIMEOUT_S = 20.0
"""Seconds after which a wait is given up; never reached where the thing works."""

PATHS = ("/v1/messages", "/v1/messages/count_tokens")


class Asked(NamedTuple):
    """One request as it came; header names are in lower case. `port` is that of its connection's other end."""

    target: str
    headers: dict[str, str]
    data: bytes
    port: int

    @property
    def body(self) -> dict[str, Any]:
        """{} where it is no JSON object."""
        try:
            value = json.loads(self.data)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def text(self) -> str:
        """The last text that the user has said."""
        for message in reversed(self.body.get("messages", [])):
            content = message.get("content", "")
            if message.get("role") == "user" and isinstance(content, str):
                return content
            texts = [part["text"] for part in content if isinstance(part, dict) and part.get("type") == "text"]
            if message.get("role") == "user" and texts:
                return str(texts[-1])
        return ""

    @property
    def gives_results(self) -> bool:
        """Whether it brings the results of tools that were called."""
        messages = self.body.get("messages") or [{}]
        content = messages[-1].get("content", "")
        return any(isinstance(part, dict) and part.get("type") == "tool_result" for part in content)


def echo(asked: Asked) -> Answer:
    """What is answered where nothing else was said."""
    return say(f"You said: {asked.text}")


class MessagesApi:
    """Serves while the context lasts.

    `answers` come in order, then `otherwise` decides. With a `key` only those who send it are served. `latency_s` is
    how long the model thinks, `pause_s` how long it takes for each event; a test waits by `Say.pause` instead.
    `prefix` is the path before /v1. With `stamped` each word is replaced by the moment at which it leaves, in monotonic
    seconds. At the end of each stream `first_delta` is told when its first text left, in
    monotonic seconds.
    """

    def __init__(
        self,
        *answers: Answer,
        otherwise: Callable[[Asked], Answer] = echo,
        key: str = "",
        latency_s: float = 0.0,
        pause_s: float = 0.0,
        prefix: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        first_delta: Callable[[float], None] = lambda _: None,
        stamped: bool = False,
    ) -> None:
        self.answers = deque(answers)
        self.otherwise = otherwise
        self.key = key
        self.latency_s = latency_s
        self.pause_s = pause_s
        self.prefix = prefix
        self.first_delta = first_delta
        self.stamped = stamped
        self.asked: queue.Queue[Asked] = queue.Queue()
        self.left: queue.Queue[Asked] = queue.Queue()
        """Requests whose caller hung up before the end."""
        self.closing, self._close = socket.socketpair()
        self._server = _Server((host, port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="messages-api")

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What ANTHROPIC_BASE_URL is to be."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def next(self) -> Asked:
        """The next request, in the order in which they came."""
        return self.asked.get(timeout=TIMEOUT_S)

    def next_left(self) -> Asked:
        """The next request whose caller hung up before the end."""
        return self.left.get(timeout=TIMEOUT_S)

    def answer(self, asked: Asked) -> Answer:
        """What is answered to a request: the API's own refusal, or what the test says."""
        refused = self._refusal(asked)
        if refused is not None:
            return refused
        try:
            return self.answers.popleft()
        except IndexError:
            return self.otherwise(asked)

    def _refusal(self, asked: Asked) -> Fail | None:
        path = asked.target.removeprefix(self.prefix).partition("?")[0]
        if path not in PATHS or not asked.target.startswith(self.prefix):
            return Fail(404, f"not found: {asked.target}")
        shown = (asked.headers.get("x-api-key"), asked.headers.get("authorization"))
        if self.key and not (self.key == shown[0] or f"Bearer {self.key}" == shown[1]):
            return Fail(401, "invalid x-api-key")
        if "anthropic-version" not in asked.headers:
            return Fail(400, "anthropic-version: header is required")
        fault = _fault(asked.body, counts=path.endswith("count_tokens"))
        return Fail(400, fault) if fault else None

    def __enter__(self) -> MessagesApi:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close.close()
        self._server.shutdown()
        self._thread.join()
        self._server.end()
        self.closing.close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()  # guarded by _lock
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def end(self) -> None:
        """Cut every connection, and let go of the port."""
        with self._lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()


def _handler(api: MessagesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        numbers = itertools.count(1)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            data = self.rfile.read(length)
            if len(data) < length:  # its sender has gone
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, data, self.client_address[1])
            api.asked.put(asked)
            answer = api.answer(asked)
            if isinstance(answer, Raw):
                self.wfile.write(answer.data)
                self.close_connection = True
            elif isinstance(answer, Fail):
                retry = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
                self._json(answer.status, answer.body(), retry)
            elif asked.target.partition("?")[0].endswith("/count_tokens"):
                self._json(200, {"input_tokens": estimate(data)})
            else:
                self._say(asked, answer)

        def do_GET(self) -> None:
            self._json(404, Fail(404, f"not found: {self.path}").body())

        def _say(self, asked: Asked, answer: Say) -> None:
            model, tokens = str(asked.body.get("model", "")), estimate(asked.data)
            try:
                if api.latency_s and self._waits(asked, api.latency_s):
                    return
                if asked.body.get("stream"):
                    self._stream(asked, answer, model, tokens)
                else:
                    self._json(200, answer.message(model, tokens))
            except ConnectionError:
                api.left.put(asked)
                raise

        def _stream(self, asked: Asked, answer: Say, model: str, tokens: int) -> None:
            self._head(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})
            first_delta = None
            for number, (name, data) in enumerate(answer.events(model, tokens)):
                if number == answer.cut_after:
                    self.close_connection = True
                    return
                if number == answer.stall_after:
                    self._waits(asked, None)
                    return
                if number == answer.fail_after:
                    name, data = "error", Fail(529, "Overloaded").body()
                if answer.pause is not None:
                    answer.pause(number)
                if api.pause_s and number and self._waits(asked, api.pause_s):
                    return
                if api.stamped and data.get("delta", {}).get("type") == "text_delta":
                    data["delta"]["text"] = f"{time.monotonic():.6f} "
                event = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
                if first_delta is None and data.get("delta", {}).get("type") == "text_delta":
                    first_delta = time.monotonic()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
                if number == answer.fail_after:
                    break
            self.wfile.write(b"0\r\n\r\n")
            if first_delta is not None:
                api.first_delta(first_delta)

        def _waits(self, asked: Asked, seconds: float | None) -> bool:
            """Wait so long; True, and the connection is done with, where the caller hangs up before, or all ends."""
            ready, _, _ = select.select([self.connection, api.closing], [], [], seconds)
            if ready:
                self.close_connection = True
                if api.closing not in ready:
                    api.left.put(asked)
            return bool(ready)

        def _json(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            data = json.dumps(value).encode()
            self._head(
                status, {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}, data
            )

        def _head(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            own = {"request-id": f"req_{next(self.numbers):06d}", "anthropic-organization-id": "the-owner"}
            lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in {**headers, **own}.items())]
            self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def _fault(body: dict[str, Any], *, counts: bool) -> str:
    """What the API would say of this request; empty where it takes it."""
    messages = body.get("messages")
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "model: Field required"
    if not counts and (not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1):
        return "max_tokens: Field required"
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        content = message.get("content")
        if message.get("role") not in ("user", "assistant") or not isinstance(content, str | list) or not content:
            return f"messages.{number}: needs a role and a content"
        if number == 0 and message["role"] != "user":
            return "messages: first message must use the user role"
        parts = content if isinstance(content, list) else []
        given = {part.get("tool_use_id") for part in parts if part.get("type") == "tool_result"}
        if open_calls - given:
            return f"messages.{number}: `tool_use` ids were found without `tool_result` blocks: {sorted(open_calls)}"
        if given - open_calls:
            return f"messages.{number}: unexpected `tool_use_id` in `tool_result` blocks: {sorted(map(str, given))}"
        open_calls = {part["id"] for part in parts if part.get("type") == "tool_use"}
    return ""


def main(argv: list[str]) -> int:
    """Serve until SIGINT or SIGTERM."""
    arguments = _arguments(argv)

    def otherwise(asked: Asked) -> Answer:
        if arguments.status:
            return Fail(arguments.status, "as the command line says", arguments.retry_after)
        if arguments.tool and arguments.tool_when in asked.text and not asked.gives_results:
            name, _, given = arguments.tool.partition("=")
            return say(ToolUse(name, json.loads(given or "{}")))
        if arguments.words:
            return say(" ".join(f"word{number}" for number in range(arguments.words)))
        return say(arguments.text) if arguments.text else echo(asked)

    def first_delta(at: float) -> None:
        if arguments.first_delta:
            print(f"first delta at {at!r}", flush=True)

    api = MessagesApi(
        otherwise=otherwise, key=arguments.key, host=arguments.host, port=arguments.port, prefix=arguments.prefix,
        latency_s=arguments.latency_ms / 1000, pause_s=arguments.event_ms / 1000,
        first_delta=first_delta, stamped=arguments.stamped,
    )  # fmt: skip
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    with api:
        print(f"messages api on {api.url}", flush=True)
        told.recv(1)
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.messages_api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, which is printed")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long the model thinks before it answers")
    parser.add_argument("--event-ms", type=float, default=0.0, help="how long it takes for each event of a stream")
    parser.add_argument("--text", default="", help="the answer; without, what was said is said again")
    parser.add_argument("--words", type=int, default=0, help="answer with so many words, each an event")
    parser.add_argument("--stamped", action="store_true", help="each word is the moment at which it leaves (monotonic)")
    parser.add_argument("--tool", default="", metavar="NAME[=JSON]", help="call this tool first, then answer")
    parser.add_argument("--tool-when", default="", metavar="WORDS", help="only where the message has these words")
    parser.add_argument("--first-delta", action="store_true", help="print when each first text left (monotonic)")
    parser.add_argument("--key", default="", help="serve only those who send it")
    parser.add_argument("--prefix", default="", help="the path before /v1")
    parser.add_argument("--status", type=int, default=0, help="answer nothing but this error")
    parser.add_argument("--retry-after", type=int, help="seconds that such an error asks to wait")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
