"""Wakes whoever blocks on behalf of a caller that has gone away, so that such a wait costs nothing lasting.

`watch` is used on connection threads; `hung_up` is called by the accept thread, which reads the epoll that this
shares with it; `release` by whoever closes the server. The kernel tells of a hang-up once (EPOLLRDHUP, one-shot);
nothing polls.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Hangups:
    """Ties an event to a socket for as long as a handler blocks."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._lock = threading.Lock()
        # Guarded by _lock: _waiting (file descriptor → event), _released.
        self._waiting: dict[int, threading.Event] = {}
        self._released = False

    @contextmanager
    def watch(self, sock: socket.socket) -> Iterator[threading.Event]:
        """An event that is set when the peer of `sock` closes its end, or when the server closes.

        A peer that closes only its sending half counts as gone too: it is answered as if its time had run out.
        """
        event = threading.Event()
        fd = sock.fileno()
        with self._lock:
            self._waiting[fd] = event
            if self._released:
                event.set()
        self._epoll.register(fd, select.EPOLLRDHUP | select.EPOLLONESHOT)
        try:
            yield event
        finally:
            self._epoll.unregister(fd)
            with self._lock:
                del self._waiting[fd]

    def hung_up(self, fd: int) -> None:
        """The kernel reports that the peer of `fd` is gone."""
        with self._lock:
            event = self._waiting.get(fd)
        if event is not None:
            event.set()

    def release(self) -> None:
        """Wake all who wait, now and from now on."""
        with self._lock:
            self._released = True
            events = list(self._waiting.values())
        for event in events:
            event.set()
