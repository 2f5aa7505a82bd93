"""The stdio transport of MCP: one JSON-RPC message a line, in and out.

The caller's thread reads; each `tools/call` is answered on a thread of its own, so that a call that waits holds up
neither the others nor its own cancellation, everything else at once. Lines are bounded, and so are the calls under way:
a client that sends without reading is not read from any more once the pipe to it is full.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import BinaryIO, Final

from agent_runner.cancel import Cancel
from agent_runner.mcp import jsonrpc
from agent_runner.mcp.jsonrpc import Message, RpcError
from agent_runner.mcp.server import Server
from agent_runner.wire import to_bytes
from openclaw.errors import InvalidMessage, NotAnObject
from openclaw.message import load_object

log = logging.getLogger(__name__)

MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes of a message."""

MAX_UNDER_WAY: Final = 32
"""Calls that are under way at once; one more is answered with an error."""

EOF_GRACE: Final = 5.0
"""Seconds that calls under way have to end once the client has closed its end."""

Key = tuple[type, jsonrpc.Id]
"""A request's id; 1 and "1" are two."""


class Stdio:
    """Serves one client, whose lines come from `source` and whose answers go to the descriptor `target`."""

    def __init__(self, server: Server, source: BinaryIO, target: int) -> None:
        self._server = server
        self._source = source
        self._target = target
        self._writing = threading.Lock()  # held while a line is written: whoever has one to write waits for the reader
        self._changed = threading.Condition()
        # Guarded by _changed: the calls that are not answered, how many threads work on calls, and whether the client
        # has stopped reading.
        self._calls: dict[Key, Cancel] = {}
        self._working = 0
        self._gone = False

    def run(self) -> None:
        """Serve until the client closes its end, or does not read any more."""
        while not self._gone and (line := self._source.readline(MAX_LINE + 1)):
            if len(line) > MAX_LINE and not line.endswith(b"\n"):
                self._skip_line()
                self._write(RpcError(jsonrpc.PARSE_ERROR, f"a message takes at most {MAX_LINE} bytes").response(None))
            elif line.strip():
                self._take(line)
        with self._changed:
            self._changed.wait_for(lambda: not self._working or self._gone, EOF_GRACE)
            left = list(self._calls.values())
        for cancel in left:
            cancel.set()

    def _skip_line(self) -> None:
        while (piece := self._source.readline(MAX_LINE)) and not piece.endswith(b"\n"):
            pass

    def _take(self, line: bytes) -> None:
        try:
            message = load_object(line)
        except InvalidMessage as invalid:
            self._write(_refusal(line, invalid).response(None))
            return
        method, request_id = message.get("method"), message.get("id")
        if method == "notifications/cancelled":
            self._cancel(message.get("params"))
        elif method == "tools/call" and isinstance(request_id, str | int) and not isinstance(request_id, bool):
            self._begin(message, request_id)
        else:
            self._write(self._server.handle(message, Cancel()))

    def _cancel(self, params: object) -> None:
        """End a call; one that is over, or that never was, is none."""
        request_id = params.get("requestId") if isinstance(params, dict) else None
        with self._changed:
            cancel = self._calls.get((type(request_id), request_id)) if isinstance(request_id, str | int) else None
        if cancel is not None:
            cancel.set()

    def _begin(self, message: Message, request_id: jsonrpc.Id) -> None:
        key, cancel, refusal = (type(request_id), request_id), Cancel(), None
        with self._changed:
            if key in self._calls:
                refusal = RpcError(jsonrpc.INVALID_REQUEST, f"the id {request_id!r} is that of a call under way")
            elif self._working >= MAX_UNDER_WAY:
                refusal = RpcError(jsonrpc.INTERNAL_ERROR, f"{MAX_UNDER_WAY} calls are under way; wait for one of them")
            else:
                self._calls[key] = cancel
                self._working += 1
        if refusal is not None:
            self._write(refusal.response(request_id))
            return
        try:
            threading.Thread(target=self._work, args=(message, key, cancel), name="call", daemon=True).start()
        except RuntimeError:  # the container's limit on processes
            self._answer(key, cancel, RpcError(jsonrpc.INTERNAL_ERROR, "no thread can be started").response(request_id))

    def _work(self, message: Message, key: Key, cancel: Cancel) -> None:
        try:
            answer = self._server.handle(message, cancel)
        except Exception as failure:  # the top of the thread: the client is told
            log.exception("a call failed")
            answer = RpcError(jsonrpc.INTERNAL_ERROR, f"{type(failure).__name__}: {failure}").response(key[1])
        self._answer(key, cancel, answer)

    def _answer(self, key: Key, cancel: Cancel, answer: Message | None) -> None:
        with self._changed:
            del self._calls[key]  # before it is answered: the client may use the id again at once
        if not cancel.is_set():
            self._write(answer)
        with self._changed:
            self._working -= 1  # only now: answers that nobody reads do not pile up
            self._changed.notify_all()

    def _write(self, answer: Message | None) -> None:
        if answer is None:
            return
        left = memoryview(to_bytes(answer))
        try:
            with self._writing:
                while left and not self._gone:
                    left = left[os.write(self._target, left) :]
        except OSError as error:
            log.info("the client does not read any more: %s", error.strerror)
            with self._changed:
                self._gone = True
                self._changed.notify_all()


def _refusal(line: bytes, invalid: InvalidMessage) -> RpcError:
    """What is said of a line that is no JSON object."""
    if line.lstrip().startswith(b"["):
        return RpcError(jsonrpc.INVALID_REQUEST, "batches are not taken: send each message on a line of its own")
    if isinstance(invalid, NotAnObject):
        return RpcError(jsonrpc.INVALID_REQUEST, jsonrpc.NO_OBJECT)
    return RpcError(jsonrpc.PARSE_ERROR, str(invalid))
