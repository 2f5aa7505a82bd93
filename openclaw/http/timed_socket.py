"""A socket under a time budget: however its sender drips, reading ends when the budget is spent.

One TimedSocket belongs to one connection thread; no locks. The socket does not block: what has come is read by one call
to the kernel, and only where nothing has is it waited for, as long as the budget lasts. With a timeout of its own each
call would cost three, and each of those a turn of the interpreter's lock, for which a hundred connections queue.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
from typing import TYPE_CHECKING

from openclaw.clock import Clock

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


LINGER_BYTES = 1024 * 1024
"""What is taken of a request whose sender was refused, in bytes."""


class TimedSocket(io.RawIOBase):
    """The raw end of an io.BufferedReader. It does not own the socket and never closes it."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._clock = clock
        self._deadline = clock.monotonic()

    def allow(self, seconds: float) -> None:
        """Everything that is read from now on must have come within `seconds`."""
        self._deadline = self._clock.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """What comes next, 0 at the end of the stream. Raises TimeoutError once the budget is spent."""
        while True:
            left = self._deadline - self._clock.monotonic()
            if left <= 0:
                raise TimeoutError("the time to send the request is over")
            try:
                return self._sock.recv_into(buffer)
            except BlockingIOError:
                self._wait(select.POLLIN, left)

    def send_all(self, data: bytes, seconds: float) -> None:
        """Send all of `data` within `seconds`, else raise TimeoutError."""
        until = self._clock.monotonic() + seconds
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, until - self._clock.monotonic())

    def _wait(self, event: int, seconds: float) -> None:
        """Until that is possible, or there is an error to be had. Raises TimeoutError."""
        poll = select.poll()
        poll.register(self._sock, event)
        if seconds <= 0 or not poll.poll(seconds * 1000):
            raise TimeoutError("timed out")

    def linger(self, seconds: float) -> None:
        """Send no more, and take what is still on its way, within bounds, before the owner closes.

        Closing over unread bytes would reset the connection and could take the answer away before the peer has read
        it (RFC 9112, 9.6).
        """
        self._sock.shutdown(socket.SHUT_WR)
        self.allow(seconds)
        with contextlib.suppress(TimeoutError):
            left = LINGER_BYTES
            while left > 0 and (piece := self.read(65536)):
                left -= len(piece)
