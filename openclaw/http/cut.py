"""Cut: ends what a thread does on connections that requests made, from any other thread, at once.

requests has no limit for a call as a whole and no way to cancel one. So the connections of a CuttableAdapter tell the
Cut that is over their thread of their socket, a pooled one as well as a new one, and a Cut shuts that down. Only the
resolver and the wait for a connection cannot be cut: they have their own limits, and what they give is cut then.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

from requests.adapters import HTTPAdapter


class Cut:
    """For one call: `over` on the thread that makes it, `now` on any thread, once or often, before, during or after."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by _lock: a duplicate of the connection's socket while there is one, and whether all is to be cut.
        self._socket: socket.socket | None = None
        self._done = False

    @property
    def done(self) -> bool:
        """Whether the call was cut: what it then reports is no fault of the other end's."""
        with self._lock:
            return self._done

    @contextlib.contextmanager
    def over(self) -> Iterator[None]:
        """Have this thread's connections known to this Cut; not within another one."""
        _here.cut = self
        try:
            yield
        finally:
            _here.cut = None
            self._hold(None)

    def now(self) -> None:
        """Cut the connection, or the one that is about to be made."""
        with self._lock:
            self._done = True
            if self._socket is not None:
                _shut_down(self._socket)

    def connected(self, sock: socket.socket) -> None:
        """The connection's socket, before anything is sent on it. TLS takes its descriptor, so a duplicate is kept."""
        self._hold(socket.socket(fileno=os.dup(sock.fileno())))
        with self._lock:
            if self._done and self._socket is not None:
                _shut_down(self._socket)

    def released(self) -> None:
        """The connection goes back to its pool, and may be another call's at once."""
        self._hold(None)

    def _hold(self, sock: socket.socket | None) -> None:
        with self._lock:
            held, self._socket = self._socket, sock
        if held is not None:
            held.close()


class CuttableAdapter(HTTPAdapter):
    """An adapter of requests whose connections tell the Cut that is over the calling thread, if one is."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {scheme: _telling(pool) for scheme, pool in pools.items()}


class _Here(threading.local):
    """What is over each thread."""

    cut: Cut | None = None


_here = _Here()

_WORDS = (
    (RemoteDisconnected, "it hung up without an answer"),  # before BadStatusLine, of which it is one
    (IncompleteRead, "it hung up in the middle"),
    (HTTPException, "what it says is not HTTP"),
    (TimeoutError, "it took too long"),
)


def cause(error: BaseException) -> str:
    """The innermost reason of an error of requests, in words, without the address: its path may be a secret."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return next((words for kind, words in _WORDS if isinstance(error, kind)), type(error).__name__)


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other end was faster
        sock.shutdown(socket.SHUT_RDWR)  # unlike close, this wakes a thread that reads from it


def _tell(sock: socket.socket) -> None:
    if _here.cut is not None:
        _here.cut.connected(sock)


def _telling(pool: Any) -> Any:
    """The connection pool class `pool`, which tells of the sockets that it gives and gets back."""

    def new_connection(connection: Any) -> socket.socket:
        sock: socket.socket = pool.ConnectionCls._new_conn(connection)
        _tell(sock)
        return sock

    def request(connection: Any, *args: Any, **kwargs: Any) -> None:
        if connection.sock is not None:  # else it connects now, and tells then
            _tell(connection.sock)
        pool.ConnectionCls.request(connection, *args, **kwargs)

    def put_back(its_pool: Any, connection: Any) -> None:
        if _here.cut is not None:
            _here.cut.released()
        pool._put_conn(its_pool, connection)

    telling = type("TellingConnection", (pool.ConnectionCls,), {"_new_conn": new_connection, "request": request})
    return type("TellingPool", (pool,), {"ConnectionCls": telling, "_put_conn": put_back})
