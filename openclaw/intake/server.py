"""The HTTP server: its listeners, its accept thread, and the crew of connection threads.

One thread ("http") accepts on all listeners and learns of hang-ups, by one epoll; it wakes for nothing else. Each
connection has a thread of its own, at most `max_connections`; one more is answered 503 by the accept thread, which
never blocks on a peer, and a caller who could only be refused 403. `bind`, `start` and `close` are called by whoever
owns the server, from one thread.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import threading

from openclaw.clock import Clock
from openclaw.intake.access import Access, Caller
from openclaw.intake.connection import Application, Limits, Site
from openclaw.intake.crew import Crew
from openclaw.intake.exchange import render
from openclaw.intake.hangups import Hangups
from openclaw.intake.listener import Listener, listen
from openclaw.intake.problems import OVERLOADED, Problem
from openclaw.intake.registry import ConnectionRegistry

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 1024
"""Connections at once, where the descriptors suffice."""

_ACCEPT_PAUSE_S = 1.0
_STREAMS_GRACE_S = 0.2
"""In which the end of a turn that has just ended is still told."""
_LAST_WORDS_S = 1.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class HttpServer:
    """Serves `application` on `host` and `port`; on 127.0.0.1 also on ::1, which is what `localhost` may mean."""

    def __init__(
        self,
        host: str,
        port: int,
        application: Application,
        access: Access,
        clock: Clock,
        *,
        limits: Limits | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._hosts = ("127.0.0.1", "::1") if host == "127.0.0.1" else (host,)
        self._port = port
        self._epoll = select.epoll()
        self._wake = os.eventfd(0)
        self._hangups = Hangups(self._epoll)
        self._registry = ConnectionRegistry(max_connections)
        self._site = Site(application, access, self._registry, self._hangups, clock, limits or Limits())
        self._crew = Crew("connection")
        self._listeners: dict[int, Listener] = {}
        self._turning_away = False  # the accept thread's own
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port in use; after `bind` never 0."""
        return self._port

    @property
    def url(self) -> str:
        host = self._hosts[0]
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def address(self) -> tuple[str, int]:
        """Where a process of this machine reaches it: a listener on every address is at home, too."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._hosts[0], self._hosts[0])
        return host, self._port

    @property
    def open_connections(self) -> int:
        return len(self._registry)

    def bind(self) -> None:
        """Take the port; from now on callers queue up. Raises StartupError that says which setting to change."""
        for listener in listen(self._hosts, self._port, self._site, self._crew):
            self._listeners[listener.fileno()] = listener
            self._port = listener.port

    def start(self) -> None:
        """Begin to accept."""
        for fd in (self._wake, *self._listeners):
            self._epoll.register(fd, select.EPOLLIN)
        self._thread.start()

    def release(self) -> None:
        """No message is answered any more: have everybody told so who waits for a reply or for events, now and later.

        What can still be answered meanwhile is.
        """
        self._hangups.release()

    def close(self, grace_s: float) -> None:
        """Accept no more, give requests in flight `grace_s` to end, then cut them.

        Streams of events get a moment only: they end when their message does, and their readers come back for the rest.
        A caller that still waits for a reply after that is told that its message is queued.
        """
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.is_alive():
            self._thread.join()
        for listener in self._listeners.values():
            listener.server_close()
        self._registry.cut_idle()
        self._crew.close()
        moment = min(grace_s, _STREAMS_GRACE_S)
        drained = self._registry.drain(moment)
        self._hangups.release(only_endless=True)
        drained = drained or self._registry.drain(grace_s - moment)
        self._hangups.release()
        if not drained:
            drained = self._registry.drain(_LAST_WORDS_S)
        if not drained:
            log.warning("%d HTTP requests did not end in time and are cut", len(self._registry))
            self._registry.cut_all()
            drained = self._registry.drain(_LAST_WORDS_S)
        if drained:  # a thread that hangs in a handler may still come back to the epoll
            self._epoll.close()
        os.close(self._wake)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for fd, _ in self._epoll.poll():
                    self._dispatch(fd)
            except Exception:  # the top of the thread: without it the service would be deaf
                log.exception("the HTTP server could not accept a connection")
                self._stopping.wait(_ACCEPT_PAUSE_S)

    def _dispatch(self, fd: int) -> None:
        listener = self._listeners.get(fd)
        if listener is not None:
            self._accept(listener)
        elif fd != self._wake:
            self._hangups.hung_up(fd)

    def _accept(self, listener: Listener) -> None:
        try:
            sock, _ = listener.get_request()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                log.warning("cannot accept a connection: %s; raise the limit of open files (ulimit -n)", error.strerror)
                self._stopping.wait(_ACCEPT_PAUSE_S)  # the caller stays in the backlog, and epoll would return at once
            return  # otherwise the caller has gone again
        try:
            caller = Caller.of(sock)
            self._site.access.check_connection(caller)
        except OSError:
            listener.shutdown_request(sock)  # it has gone again
        except Problem as problem:
            self._turn_away(listener, sock, problem)
        else:
            self._admit(listener, sock, caller)

    def _admit(self, listener: Listener, sock: socket.socket, caller: Caller) -> None:
        known = self._site.access.knows(caller)
        if not self._registry.admit(sock, None if known else caller.identity):
            whose = "" if known else " or those for callers without the token"
            self._overloaded(listener, sock, f"all connections{whose} are in use, {len(self._registry)} in all")
            return
        try:
            listener.process_request(sock, caller)
            self._turning_away = False
        except RuntimeError as error:  # "can't start new thread"
            self._overloaded(listener, sock, f"{error}; raise the limit of processes (ulimit -u)")

    def _overloaded(self, listener: Listener, sock: socket.socket, why: str) -> None:
        if not self._turning_away:
            self._turning_away = True
            log.warning("HTTP callers are turned away with 503: %s", why)
        self._turn_away(listener, sock, OVERLOADED)

    def _turn_away(self, listener: Listener, sock: socket.socket, problem: Problem) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.send(render(problem.response(), now=self._site.clock.time(), close=True))
            sock.recv(65536)  # closing over unread bytes resets the connection before the peer has read the answer
        listener.shutdown_request(sock)


def connections_within(open_files: int) -> int:
    """How many connections there may be where the process may open so many files: the other half is for the rest."""
    return min(MAX_CONNECTIONS, open_files // 2)
