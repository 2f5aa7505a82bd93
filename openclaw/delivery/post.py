"""One POST to an address that somebody gave us: bounded in time and in what is read, whatever answers there.

Keeps no state. A call blocks its thread for at most TOTAL_TIMEOUT (and the resolver's own limit, which cannot be cut).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from openclaw.errors import CallbackFailed

if TYPE_CHECKING:
    from openclaw.clock import Alarms

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
TOTAL_TIMEOUT = 20.0
"""Seconds for one POST in all: the read timeout alone would let a server drip its answer for days."""


class Post:
    """One POST. `send` blocks; `abort` may be called by another thread and ends it."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._lock = threading.Lock()
        # Guarded by _lock: a duplicate of the connection's socket, once there is one, and whether it is to be cut.
        self._socket: socket.socket | None = None
        self._aborted = False

    def send(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Send `body` as JSON. Raises CallbackFailed for anything but a 2xx; redirects are not followed."""
        timer = self._alarms.call_later(TOTAL_TIMEOUT, self.abort)
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy and no .netrc: the address is called as it was given
                session.mount("http://", _Adapter(self))
                session.mount("https://", _Adapter(self))
                response = session.post(
                    url,
                    data=body,
                    headers={"Content-Type": "application/json", **headers},
                    timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                    allow_redirects=False,
                    stream=True,  # the answer's body is never read
                )
        except (requests.RequestException, OSError, ValueError) as error:
            raise CallbackFailed("no answer in time" if self._aborted else _cause(error)) from error
        finally:
            timer.cancel()
            self._forget_socket()
        if self._aborted:  # a status line whose headers were cut off reads like an answer
            raise CallbackFailed("no answer in time")
        if not 200 <= response.status_code < 300:
            followed = ", and redirects are not followed" if response.is_redirect else ""
            raise CallbackFailed(f"it answered {response.status_code}{followed}")

    def abort(self) -> None:
        """Cut the connection, or the one that is about to be made."""
        with self._lock:
            self._aborted = True
            if self._socket is not None:
                _cut(self._socket)

    def connected(self, sock: socket.socket) -> None:
        """The connection's socket, before anything is sent on it. TLS takes its descriptor, so a duplicate is kept."""
        self._forget_socket()
        with self._lock:
            self._socket = sock.dup()
            if self._aborted:
                _cut(self._socket)

    def _forget_socket(self) -> None:
        with self._lock:
            held, self._socket = self._socket, None
        if held is not None:
            held.close()


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        sock.shutdown(socket.SHUT_RDWR)  # unlike close, this wakes a thread that reads from it


def _cause(error: BaseException) -> str:
    """The innermost reason, without the address: its path may be a secret."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    text = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return f"no answer: {text}"


class _Adapter(HTTPAdapter):
    """Makes connections that tell their Post of the socket: requests has no limit for a request as a whole."""

    def __init__(self, post: Post) -> None:
        self._post = post
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {scheme: _telling(pool, self._post) for scheme, pool in pools.items()}


def _telling(pool: Any, post: Post) -> Any:
    """The connection pool class `pool`, with connections that tell `post` of their sockets."""

    def new_connection(connection: Any) -> socket.socket:
        sock: socket.socket = pool.ConnectionCls._new_conn(connection)
        post.connected(sock)
        return sock

    telling = type("TellingConnection", (pool.ConnectionCls,), {"_new_conn": new_connection})
    return type("TellingPool", (pool,), {"ConnectionCls": telling})
