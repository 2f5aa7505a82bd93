"""A running HTTP server around a FakeFront."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openclaw.clock import Clock, SystemClock
from openclaw.intake.access import Access
from openclaw.intake.api import Api
from openclaw.intake.connection import Limits
from openclaw.intake.server import MAX_CONNECTIONS, HttpServer
from tests.support.front import FakeFront


def start_server(
    front: FakeFront,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    allowed_hosts: tuple[str, ...] = (),
    clock: Clock | None = None,
    limits: Limits | None = None,
    max_connections: int = MAX_CONNECTIONS,
) -> HttpServer:
    """Serves `front` until it is closed."""
    access = Access(allowed_hosts, token)
    clock = clock or SystemClock()
    server = HttpServer(host, port, Api(front), access, clock, limits=limits, max_connections=max_connections)
    server.bind()
    server.start()
    return server


@contextmanager
def http_service(front: FakeFront, **options: Any) -> Iterator[HttpServer]:
    """Serves `front` until the block ends; the options are those of `start_server`."""
    server = start_server(front, **options)
    try:
        yield server
    finally:
        server.close(grace_s=0)


def wait_until_served(server: HttpServer, left: int = 0) -> None:
    """Return when no more than `left` connections are open, for at most 10 s."""
    assert server._registry.drain(10, left), "a connection does not end"
