"""The open connections: how many there may be, which of them are busy, and how they end when the server stops.

Strangers, who have not shown the token yet, get half of the places together and an eighth each, so that nobody who may
call is kept out by somebody who may not.

`admit` is called by the accept thread, the others by connection threads, `cut_idle`, `drain` and `cut_all` by
whoever closes the server. Sockets are never touched under the lock.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter


class ConnectionRegistry:
    """Knows each open connection by its socket."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        # Guarded by _changed: _idle, _busy, _strangers (whose each of their connections is), _closing.
        self._idle: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()
        self._strangers: dict[socket.socket, int | str] = {}
        self._closing = False

    def __len__(self) -> int:
        with self._changed:
            return len(self._idle) + len(self._busy)

    def admit(self, sock: socket.socket, stranger: int | str | None = None) -> bool:
        """Take in a new connection, idle at first; False where a limit is reached or the server closes.

        `stranger` says whose it is, unless the caller is known.
        """
        with self._changed:
            if self._closing or len(self._idle) + len(self._busy) >= self._limit:
                return False
            if stranger is not None:
                theirs = Counter(self._strangers.values())
                if theirs.total() >= max(1, self._limit // 2) or theirs[stranger] >= max(1, self._limit // 8):
                    return False
                self._strangers[sock] = stranger
            self._idle.add(sock)
            return True

    def trust(self, sock: socket.socket) -> None:
        """The caller may call: it is no stranger any more."""
        with self._changed:
            self._strangers.pop(sock, None)

    def begin_request(self, sock: socket.socket) -> bool:
        """A request has begun to arrive; False where it must not be served because the server closes."""
        with self._changed:
            if self._closing:
                return False
            self._idle.discard(sock)
            self._busy.add(sock)
            return True

    def end_request(self, sock: socket.socket) -> bool:
        """The request is answered; False where the connection must end because the server closes."""
        with self._changed:
            self._busy.discard(sock)
            self._idle.add(sock)
            return not self._closing

    def leave(self, sock: socket.socket) -> None:
        """The connection is over."""
        with self._changed:
            self._idle.discard(sock)
            self._busy.discard(sock)
            self._strangers.pop(sock, None)
            self._changed.notify_all()

    def cut_idle(self) -> None:
        """Begin no further request; connections that wait for one end at once."""
        with self._changed:
            self._closing = True
            sockets = list(self._idle)
        _shut_down(sockets)

    def drain(self, timeout_s: float, left: int = 0) -> bool:
        """Wait until no more than `left` connections are open; False where that takes longer than `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._idle) + len(self._busy) <= left, timeout_s)

    def cut_all(self) -> None:
        """End every connection, whatever it is doing."""
        with self._changed:
            sockets = [*self._idle, *self._busy]
        _shut_down(sockets)


def _shut_down(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):  # its own thread may have closed it by now
            sock.shutdown(socket.SHUT_RDWR)
