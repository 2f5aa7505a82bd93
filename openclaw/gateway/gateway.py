"""Gateway: the doors of all containers, the thread that accepts on them, and the threads of their connections.

One thread ("gateway") accepts on every door and learns of hang-ups, by one epoll; it wakes for nothing else and never
blocks on a container. Each connection has a thread of its own. There may be `max_connections`, and a container may hold
half of those that are still free: however many one holds, others get one, and Main, alone, gets hundreds.

`admit` and `dismiss` are called by any thread; `start` and `close` by the service.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openclaw.errors import RuntimeFailure
from openclaw.gateway.api_error import ApiError, render
from openclaw.gateway.connection import Connection
from openclaw.gateway.door import Door
from openclaw.gateway.site import Books, Limits, Site

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.gateway.upstream import Upstream

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 1024
"""Connections at once, where the descriptors suffice: of 100 agents each has one or two."""

_END_S: Final = 2.0
"""Seconds that `close` waits for connections that were cut; one that waits for a new connection to the API may take
longer, and ends by itself."""
_ACCEPT_PAUSE_S = 1.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_HUNG_UP: Final = select.EPOLLRDHUP | select.EPOLLONESHOT
_FULL = ApiError.overloaded("The gateway of this machine has all its connections in use; ask again in a moment.")


class Gateway:
    """Serves the containers that were admitted. `uid` is the one that they connect with."""

    def __init__(
        self,
        upstream: Upstream,
        books: Books,
        clock: Clock,
        uid: int,
        *,
        limits: Limits | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._upstream = upstream
        self._site = Site(upstream, books, clock, limits or Limits())
        self._uid = uid
        self._max_connections = max_connections
        self._epoll = select.epoll()
        self._wake = os.eventfd(0)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._stopping = threading.Event()
        self._turning_away = False  # the accept thread's own
        self._changed = threading.Condition()
        # Guarded by _changed: the doors by cid and by descriptor, the connections by descriptor, and _closed.
        self._doors: dict[str, Door] = {}
        self._listening: dict[int, Door] = {}
        self._connections: dict[int, Connection] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    @property
    def open_connections(self) -> int:
        with self._changed:
            return len(self._connections)

    def start(self) -> None:
        self._thread.start()

    def admit(self, cid: str, group: str, directory: Path, in_flight: Callable[[str], bool]) -> None:
        """Open a door for the container `cid` of `group`: the socket `directory`/s.

        `in_flight` tells, on any thread, whether a turn of that id runs in it. Raises RuntimeFailure.
        """
        try:
            door = Door(cid, group, directory, self._uid, in_flight)
        except OSError as error:
            raise RuntimeFailure(f"the gateway cannot listen in {directory}: {error.strerror}") from error
        with self._changed:
            refused = self._closed or cid in self._doors
            if not refused:
                self._doors[cid] = self._listening[door.fileno()] = door
                self._epoll.register(door.fileno(), select.EPOLLIN)  # no wait; `dismiss` is to find it done
        if refused:
            door.close()
            raise RuntimeFailure(f"the gateway serves {cid} already, or is closed")

    def dismiss(self, cid: str) -> None:
        """The container is gone: close its door and cut what is left of its connections. An unknown one is fine."""
        with self._changed:
            door = self._doors.pop(cid, None)
            if door is None:
                return
            del self._listening[door.fileno()]
            self._epoll.unregister(door.fileno())
            left = [connection for connection in self._connections.values() if connection.door is door]
        door.close()
        for connection in left:
            connection.cut()

    def close(self) -> None:
        """End it all; connections that are in use are cut."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join()
        with self._changed:
            self._closed = True
            cids = list(self._doors)
        for cid in cids:
            self.dismiss(cid)
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._connections, _END_S)
        self._upstream.close()
        if ended:  # else a thread may still come back to the epoll
            self._epoll.close()
        os.close(self._wake)

    # The accept thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for fd, _ in self._epoll.poll():
                    self._dispatch(fd)
            except Exception:  # the top of the thread: without it no container would reach the model
                log.exception("the gateway could not accept a connection")
                self._stopping.wait(_ACCEPT_PAUSE_S)

    def _dispatch(self, fd: int) -> None:
        """A door has a visitor, or a container has hung up; or what had this number before, and is gone."""
        with self._changed:
            door, connection = self._listening.get(fd), self._connections.get(fd)
        if door is not None:
            self._accept(door)
        elif connection is not None and _has_hung_up(connection.sock):
            connection.cut()

    def _accept(self, door: Door) -> None:
        try:
            sock = door.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in _EXHAUSTED:
                log.warning("cannot accept a connection: %s; raise the limit of open files (ulimit -n)", error.strerror)
                self._stopping.wait(_ACCEPT_PAUSE_S)  # the container stays in the backlog: epoll would return at once
            return  # otherwise the door is closed by now
        connection = Connection(sock, door, self._site)
        refusal = self._enter(connection)
        if refusal:
            self._turn_away(connection, refusal)
            return
        self._epoll.register(sock.fileno(), _HUNG_UP)
        try:
            threading.Thread(target=self._serve, args=(connection,), name=f"gateway-{door.cid}", daemon=True).start()
            self._turning_away = False
        except RuntimeError as error:  # "can't start new thread"
            self._leave(connection)
            self._turn_away(connection, f"gets no thread ({error}); raise the limit of processes (ulimit -u)")

    def _enter(self, connection: Connection) -> str:
        """Take it in; else why not."""
        door = connection.door
        with self._changed:
            if self._doors.get(door.cid) is not door:
                return "is gone"
            held = sum(other.door is door for other in self._connections.values())
            free = self._max_connections - len(self._connections)
            if held >= (free + 1) // 2:
                return f"has {held} connections, and of {self._max_connections} only {free} are free"
            self._connections[connection.sock.fileno()] = connection
        return ""

    def _turn_away(self, connection: Connection, why: str) -> None:
        """Answer without reading: it costs no thread, and nobody is waited for."""
        door, sock = connection.door, connection.sock
        if not self._turning_away:
            self._turning_away = True
            log.warning("Turned away: the container %s of the group %s %s", door.cid, door.group, why)
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.send(render(_FULL.status, _FULL.body, _FULL.headers, close=True))
        sock.close()

    # The threads of connections

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        except Exception:  # the top of the thread: a fault of ours ends this connection and no other
            log.exception("a connection of the container %s failed", connection.door.cid)
        finally:
            self._leave(connection)
            connection.sock.close()

    def _leave(self, connection: Connection) -> None:
        """Before its descriptor is closed: the number may be somebody else's at once."""
        with contextlib.suppress(ValueError):  # the epoll is closed: it took too long
            self._epoll.unregister(connection.sock.fileno())
        with self._changed:
            del self._connections[connection.sock.fileno()]
            self._changed.notify_all()


def most_connections(open_files: int) -> int:
    """How many connections there may be where the process may open so many files.

    Each takes three: the container's, the API's, and a duplicate of that by which it is cut; of all a third is theirs.
    """
    return max(2, min(MAX_CONNECTIONS, open_files // 9))


def _has_hung_up(sock: socket.socket) -> bool:
    poll = select.poll()
    try:
        poll.register(sock, select.POLLRDHUP)
    except ValueError:  # closed by now
        return False
    return bool(poll.poll(0))
