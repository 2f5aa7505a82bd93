"""A socket under a time budget: however its sender drips, reading ends when the budget is spent.

One TimedSocket belongs to one connection thread; no locks. A socket's own timeout bounds each single call only,
which is why the budget is held here and each call gets what is left of it.
"""

from __future__ import annotations

import contextlib
import io
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
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the time to send the request is over")
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)

    def send_all(self, data: bytes, seconds: float) -> None:
        """Send all of `data` within `seconds`, else raise TimeoutError."""
        self._sock.settimeout(seconds)
        self._sock.sendall(data)

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
