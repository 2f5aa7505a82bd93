"""Connection: HTTP/1.1 over a Unix socket, one exchange after another; just what talking to the gateway takes.

The standard library's http.client brings ssl and email along: 6 MB in a process that has 25. Belongs to one thread
at a time, but for `abort`. Every wait ends at a moment given by the clock; a moment that is past waits for nothing.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from agent_runner.engines.messages.failures import CallFailed, Cut, Gone, Stalled
from agent_runner.engines.messages.framing import MAX_LINE, Body, Head, parse_head

MAX_LEFT_OVER = 64 * 1024
"""Bytes that may follow what was read of a response, for the connection to be used again."""

_PATH_LIMIT = 107  # bytes of sockaddr_un.sun_path, without its NUL; see unix(7)
_RECEIVE = 64 * 1024


class State(Enum):
    READY = auto()
    """A request may be sent."""
    BUSY = auto()
    """The response before has not ended yet."""
    DEAD = auto()


class Connection:
    """A connection to the socket at `path`. Raises Gone where nobody listens there."""

    def __init__(self, path: str, until: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buffer = bytearray()
        self._body: Body | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._wait_at_most(until)
            _connect(self._socket, path)
        except OSError as error:  # BlockingIOError too: more wait to be accepted than the kernel keeps
            self._socket.close()
            why = error.strerror or "it does not answer"
            raise Gone(f"the gateway to the model cannot be reached ({why}): see `openclaw status`") from error

    def send(self, data: bytes, until: float) -> None:
        """Send a request. Raises Cut, Stalled."""
        self._wait_at_most(until)
        try:
            self._socket.sendall(data)
        except (TimeoutError, BlockingIOError):
            raise Stalled("the gateway to the model does not take the request: see `openclaw status`") from None
        except OSError as error:
            with suppress(CallFailed):  # it may have answered before it had read everything
                self._fill(self._clock())
            if not self._buffer:
                raise Cut(f"the connection to the model broke: {error.strerror}") from error

    def head(self, until: float) -> Head:
        """The response's head; its body follows by `read`. Raises Cut, Stalled."""
        while True:
            while (end := self._buffer.find(b"\r\n\r\n")) < 0:
                if len(self._buffer) > MAX_LINE:
                    raise Cut(f"the gateway to the model sent a head of more than {MAX_LINE} bytes")
                self._fill_or_cut(until)
            head = parse_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if head.status >= 200:
                self._body = Body(head)
                return head

    def read(self, until: float) -> bytes:
        """The next piece of the body as soon as there is one; empty at its end. Raises Cut, Stalled."""
        assert self._body is not None
        while True:
            piece = self._body.take(self._buffer)
            if piece or self._body.ended:
                return piece
            if self._body.ends_with_connection:
                if not self._fill(until):
                    return b""
            else:
                self._fill_or_cut(until)

    def state(self) -> State:
        """Whether a request may be sent. Waits for nothing, so that nobody waits for the end of a response of which he
        has what he needs."""
        rest = self._rest() if self._body is not None else State.READY
        if rest is not State.READY:
            return rest
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return State.DEAD if self._buffer or poll.poll(0) else State.READY  # nobody asked for what comes here

    def _rest(self) -> State:
        """The same for the response before, as far as it has come."""
        assert self._body is not None
        rest = 0
        try:
            while piece := self.read(self._clock()):
                rest += len(piece)
                if rest > MAX_LEFT_OVER:
                    return State.DEAD
        except Stalled:
            return State.BUSY
        except CallFailed:
            return State.DEAD
        return State.READY if self._body.ended and self._body.keeps_connection else State.DEAD

    def abort(self) -> None:
        """End whatever waits for this connection, at once. Any thread; not after `close`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def _fill_or_cut(self, until: float) -> None:
        if not self._fill(until):
            raise Cut("the connection to the model ended in the middle of the answer")

    def _fill(self, until: float) -> bool:
        """Take what has come, or wait for it; False where the other side has ended."""
        self._wait_at_most(until)
        try:
            data = self._socket.recv(_RECEIVE)
        except (TimeoutError, BlockingIOError):
            raise Stalled("the model says nothing any more") from None
        except OSError as error:
            raise Cut(f"the connection to the model broke: {error.strerror}") from error
        self._buffer += data
        return bool(data)

    def _wait_at_most(self, until: float) -> None:
        self._socket.settimeout(max(0.0, until - self._clock()))


def _connect(connection: socket.socket, path: str) -> None:
    """Connect also where the path is longer than a socket's address may be: by the descriptor of its directory."""
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        connection.connect(path)
        return
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    finally:
        os.close(directory)
