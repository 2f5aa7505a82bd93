"""Gateway: exchanges with the host's gateway over its Unix socket, on connections that are kept for the next one.

Any number of threads. The socket is the container's identity: no key is sent, the host adds it. A cancel shuts the
connection down under whoever waits for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.engines.messages.connection import Connection, State
from agent_runner.engines.messages.failures import CallFailed, Cut
from agent_runner.engines.messages.framing import Head

MAX_IDLE = 16
"""Connections that are kept for the next exchange."""

CONNECT = 5.0
"""Seconds that the gateway may take to let us in."""

SEND = 30.0
"""Seconds that it may take to receive a request."""


FIRST = 2.75
"""How many times as long as any other byte the first one may take: a local model reads a long prompt without a word,
and answers nothing at all until it has. With the usual silence that is 330 s, a little longer than the host's gateway
waits (its SILENCE_S, 300 s): who asks begins to wait first, and what the gateway says then tells more."""


class Limits(NamedTuple):
    """How long an exchange may take: it ends at `deadline` by the clock, and after `silence` seconds without a byte."""

    deadline: float
    silence: float


class Exchange:
    """One request and its response. Made by `Gateway`."""

    def __init__(self, clock: Callable[[], float], limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        # Guarded by _lock: the connection while it is this exchange's own to shut down, which waits for nothing.
        self._connection: Connection | None = None
        self._aborted = False
        self.head = Head(0, {}, keeps_connection=False)

    def read(self) -> bytes:
        """The next piece of the response's body; empty at its end. Raises CallFailed."""
        assert self._connection is not None
        return self._connection.read(self._until(self._limits.silence))

    def abort(self) -> None:
        """End it now; called where the turn is cancelled."""
        with self._lock:
            self._aborted = True
            if self._connection is not None:
                self._connection.abort()

    def send(self, connection: Connection, request: bytes) -> None:
        """Send the request over `connection` and wait for the response's head. Raises CallFailed."""
        with self._lock:
            self._connection = connection
            if self._aborted:
                connection.abort()
        connection.send(request, self._until(SEND))
        self.head = connection.head(self._until(FIRST * self._limits.silence))

    def release(self) -> Connection | None:
        """Let go of the connection: nobody shuts it down from here on."""
        with self._lock:
            connection, self._connection = self._connection, None
        return connection

    def _until(self, seconds: float) -> float:
        return min(self._clock() + seconds, self._limits.deadline)


class Gateway:
    """The gateway at the socket `path`."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        # Appending and popping are atomic; the last one used is the first to be used again.
        self._idle: deque[Connection] = deque()

    @contextmanager
    def exchange(self, body: bytes, turn_id: str, cancel: Cancel, limits: Limits) -> Iterator[Exchange]:
        """POST `body` to /v1/messages for the turn: the response, whose body may be left unread.

        Raises a CallFailed, or TurnCancelled as soon as `cancel` is set; so may what is done inside the block.
        """
        exchange = Exchange(self._clock, limits)
        try:
            with cancel.calling(exchange.abort):
                self._send(exchange, _request(body, turn_id), limits)
                yield exchange
        except CallFailed:
            self._drop(exchange)
            if cancel.is_set():
                raise TurnCancelled from None
            raise
        except BaseException:
            self._drop(exchange)
            raise
        self._keep(exchange)

    def is_there(self) -> bool:
        """Whether somebody listens at the socket, now: by a connection that the next exchange may use."""
        try:
            self._idle.append(self._connect(self._clock() + CONNECT))
        except CallFailed:
            return False
        return True

    def _send(self, exchange: Exchange, request: bytes, limits: Limits) -> None:
        """Over a connection that is kept, else over a new one: of one that was kept the other side may just have had
        enough, and then it has not taken the request either."""
        while (connection := self._kept()) is not None:
            try:
                exchange.send(connection, request)
                return
            except Cut:
                self._drop(exchange)
        exchange.send(self._connect(min(self._clock() + CONNECT, limits.deadline)), request)

    def _connect(self, until: float) -> Connection:
        return Connection(self._path, until, self._clock)

    def _kept(self) -> Connection | None:
        """The last used connection that is ready. Those whose response has not ended stay: to close one would end the
        host's connection to the API with it."""
        busy = []
        found = None
        while found is None and self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # others take them as well
                break
            state = connection.state()
            if state is State.READY:
                found = connection
            elif state is State.BUSY:
                busy.append(connection)
            else:
                connection.close()
        self._idle.extendleft(busy)
        return found

    def _keep(self, exchange: Exchange) -> None:
        connection = exchange.release()
        if connection is not None:
            self._idle.append(connection)
        while len(self._idle) > MAX_IDLE:
            with suppress(IndexError):
                self._idle.popleft().close()

    def _drop(self, exchange: Exchange) -> None:
        connection = exchange.release()
        if connection is not None:
            connection.close()


def _request(body: bytes, turn_id: str) -> bytes:
    head = (
        "POST /v1/messages HTTP/1.1\r\n"
        "host: gateway\r\n"
        "content-type: application/json\r\n"
        "accept: text/event-stream\r\n"
        "anthropic-version: 2023-06-01\r\n"
        f"x-openclaw-turn: {turn_id}\r\n"
        f"content-length: {len(body)}\r\n"
        "\r\n"
    )
    return head.encode() + body
