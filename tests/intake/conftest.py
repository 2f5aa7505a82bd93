"""A front and a server around it, for the tests of intake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openclaw.intake.server import HttpServer
from tests.support.front import FakeFront
from tests.support.http_service import http_service
from tests.support.raw_http import RawClient


@pytest.fixture
def front() -> FakeFront:
    return FakeFront()


@pytest.fixture
def server(front: FakeFront) -> Iterator[HttpServer]:
    with http_service(front) as running:
        yield running


@pytest.fixture
def client(server: HttpServer) -> Iterator[RawClient]:
    with RawClient(server.port) as connected:
        yield connected
