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


class Hangup(threading.Event):
    """Set when the caller has gone, or the server closes, and by whoever else has something for the one who waits.

    `gone` tells the first two from the last, `closing` the second from the first; both stay when the event is cleared.
    `endless`: nothing is lost to whoever is told no more, and without that it may never end.
    """

    def __init__(self, *, endless: bool = False) -> None:
        super().__init__()
        self.gone = False
        self.closing = False
        self.endless = endless

    def hang_up(self, *, closing: bool = False) -> None:
        self.closing = closing
        self.gone = True
        self.set()


class Hangups:
    """Ties an event to a socket for as long as a handler blocks."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._lock = threading.Lock()
        # Guarded by _lock: _waiting (by file descriptor), and who is let go of.
        self._waiting: dict[int, Hangup] = {}
        self._released = False
        self._endless_released = False

    @contextmanager
    def watch(self, sock: socket.socket, *, endless: bool = False) -> Iterator[Hangup]:
        """An event that is set when the peer of `sock` closes its end, or when the server closes.

        A peer that closes only its sending half counts as gone too: it is answered as if its time had run out.
        """
        event = Hangup(endless=endless)
        fd = sock.fileno()
        with self._lock:
            self._waiting[fd] = event
            if self._released or (endless and self._endless_released):
                event.hang_up(closing=True)
        self._epoll.register(fd, select.EPOLLRDHUP | select.EPOLLONESHOT)
        try:
            yield event
        finally:
            self._epoll.unregister(fd)
            with self._lock:
                del self._waiting[fd]

    def hung_up(self, fd: int) -> None:
        """The kernel reports that the peer of `fd` is gone, or that of the connection that had this number before."""
        with self._lock:
            event = self._waiting.get(fd)
        if event is not None and _has_hung_up(fd):
            event.hang_up()

    def release(self, *, only_endless: bool = False) -> None:
        """Wake all who wait, now and from now on."""
        with self._lock:
            self._endless_released = True
            self._released |= not only_endless
            events = [event for event in self._waiting.values() if event.endless or not only_endless]
        for event in events:
            event.hang_up(closing=True)


def _has_hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)
    return bool(poll.poll(0))
