"""A running HTTP server around a FakeFront."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from openclaw.clock import SystemClock
from openclaw.intake.access import Access
from openclaw.intake.api import Api
from openclaw.intake.connection import Limits
from openclaw.intake.server import MAX_CONNECTIONS, HttpServer
from tests.support.front import FakeFront


@contextmanager
def http_service(
    front: FakeFront,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    allowed_hosts: tuple[str, ...] = (),
    limits: Limits | None = None,
    max_connections: int = MAX_CONNECTIONS,
) -> Iterator[HttpServer]:
    """Serves `front` until the block ends."""
    access = Access(allowed_hosts, token)
    server = HttpServer(
        host, port, Api(front), access, SystemClock(), limits=limits, max_connections=max_connections
    )
    server.bind()
    server.start()
    try:
        yield server
    finally:
        server.close(grace_s=0)
