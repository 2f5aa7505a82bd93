"""The listening sockets: one on each address, all on the same port.

Made and closed by the server's owner; the accept thread takes connections from them, and each gets a thread of the
crew.
"""

from __future__ import annotations

import errno
import logging
import socket
from functools import partial
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

from openclaw.errors import StartupError
from openclaw.intake.access import Caller
from openclaw.intake.connection import Connection, Site
from openclaw.intake.crew import Crew

log = logging.getLogger(__name__)

_FREE_PORT_TRIES = 16
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ConnectionHandler(BaseRequestHandler):
    """What socketserver calls on each connection's own thread."""

    server: Listener
    client_address: Caller

    def handle(self) -> None:
        Connection(self.request, self.client_address, self.server.site).serve()


class Listener(ThreadingHTTPServer):
    """One listening socket, not blocking. `get_request` and `process_request` are called by the accept thread.

    What socketserver hands on as a client's address is here the Caller.
    """

    request_queue_size = 1024  # the standard 5 makes 100 callers at once wait for their SYN to be sent again
    block_on_close = False  # the registry knows the connections and bounds the wait for them

    def __init__(self, host: str, port: int, site: Site, crew: Crew) -> None:
        self.site = site
        self._crew = crew
        self._host = host
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), ConnectionHandler)
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(self._host != "::"))
        TCPServer.server_bind(self)  # HTTPServer's own asks DNS for our name first, for nothing

    def process_request(self, request: Any, client_address: Any) -> None:
        """Raises RuntimeError where a thread is needed and none can be started."""
        self._crew.serve(partial(self.process_request_thread, request, client_address))

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.site.registry.leave(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("a connection from %s failed", client_address.peer)


def listen(hosts: tuple[str, ...], port: int, site: Site, crew: Crew) -> list[Listener]:
    """A listener on each of `hosts` but those of IPv6 where the machine has none; for port 0 one that is free on all.

    Raises StartupError that says which setting to change.
    """
    tries = _FREE_PORT_TRIES if port == 0 else 1
    while True:
        tries -= 1
        try:
            return _listen_on_all(hosts, port, site, crew)
        except OSError as error:
            # A port that is free on the first address may be taken on the next one.
            if error.errno != errno.EADDRINUSE or tries == 0:
                raise _startup_error(hosts[0], port, error) from None


def _listen_on_all(hosts: tuple[str, ...], port: int, site: Site, crew: Crew) -> list[Listener]:
    listeners: list[Listener] = []
    for host in hosts:
        try:
            listeners.append(Listener(host, port, site, crew))
        except OSError as error:
            if listeners and error.errno in _NO_IPV6:
                continue
            for listener in listeners:
                listener.server_close()
            raise
        port = listeners[0].port
    return listeners


def _startup_error(host: str, port: int, error: OSError) -> StartupError:
    if error.errno == errno.EADDRINUSE:
        return StartupError(
            f"port {port} is in use on this machine, perhaps by another openclaw: end that one,"
            " or set OPENCLAW_PORT to another port (0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return StartupError(f"port {port} needs root: set OPENCLAW_PORT to one from 1024 on")
    if error.errno == errno.EADDRNOTAVAIL:
        return StartupError(f"{host} is no address of this machine: set OPENCLAW_HOST to one, such as 127.0.0.1")
    return StartupError(f"cannot listen on {host} port {port}: {error.strerror}; see OPENCLAW_HOST and OPENCLAW_PORT")
