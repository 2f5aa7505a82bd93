"""Where the server listens, and what it says where it cannot."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from openclaw.clock import SystemClock
from openclaw.errors import StartupError
from openclaw.intake import listener
from openclaw.intake.access import Access
from openclaw.intake.api import Api
from openclaw.intake.listener import Listener
from openclaw.intake.server import HttpServer
from tests.support.front import FakeFront
from tests.support.http_service import http_service
from tests.support.raw_http import RawClient


def why_not(host: str, port: int) -> str:
    """What a server says that cannot listen there."""
    server = HttpServer(host, port, Api(FakeFront()), Access((), ""), SystemClock())
    with pytest.raises(StartupError) as refusal:
        server.bind()
    server.close(grace_s=0)
    return str(refusal.value)


def refuse(monkeypatch: pytest.MonkeyPatch, host: str, code: int, times: int = 1000) -> None:
    """Let the kernel refuse to listen on `host`, so many times."""
    left = iter(range(times))

    class Refusing(Listener):
        def server_bind(self) -> None:
            if self._host == host and next(left, None) is not None:
                raise OSError(code, os.strerror(code))
            super().server_bind()

    monkeypatch.setattr(listener, "Listener", Refusing)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_localhost_is_both_of_its_addresses_on_one_port(server: HttpServer, address: str) -> None:
    with RawClient(server.port, address) as client:
        assert client.request("GET", "/healthz", Host=f"localhost:{server.port}").status == 200


@pytest.mark.parametrize(
    ("host", "dialled", "url"),
    [
        ("::1", "::1", "http://[::1]:{}"),
        ("127.0.0.2", "127.0.0.2", "http://127.0.0.2:{}"),
        ("::", "127.0.0.1", "http://[::]:{}"),
        ("0.0.0.0", "127.0.0.1", "http://0.0.0.0:{}"),
    ],
)
def test_another_address_is_listened_on_alone(front: FakeFront, host: str, dialled: str, url: str) -> None:
    with http_service(front, host=host) as server, RawClient(server.port, dialled) as client:
        assert server.url == url.format(server.port)
        assert client.request("GET", "/healthz").status == 200


def test_an_address_of_ipv6_is_not_one_of_ipv4(front: FakeFront) -> None:
    with http_service(front, host="::1") as server, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_a_machine_without_ipv6_is_served_on_what_it_has(front: FakeFront, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        refuse(monkeypatch, "::1", code)
        with http_service(front) as server, RawClient(server.port) as client:
            assert client.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_port_that_is_taken_on_either_address_is_taken(family: socket.AddressFamily, address: str) -> None:
    with socket.create_server((address, 0), family=family) as other:
        port = other.getsockname()[1]
        assert f"port {port} is in use" in why_not("127.0.0.1", port)


def test_an_address_that_was_had_is_given_back_where_the_other_is_taken() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        why_not("127.0.0.1", port)
        socket.create_server(("127.0.0.1", port)).close()


def test_a_free_port_is_one_that_is_free_on_both(front: FakeFront, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "::1", errno.EADDRINUSE, times=15)
    with http_service(front) as server, RawClient(server.port, "::1") as client:
        assert client.request("GET", "/healthz").status == 200


def test_it_is_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "::1", errno.EADDRINUSE)
    assert "is in use" in why_not("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EACCES, "port 80 needs root: set OPENCLAW_PORT"),
        (errno.EADDRNOTAVAIL, "127.0.0.1 is no address of this machine: set OPENCLAW_HOST"),
        (errno.ENOBUFS, "cannot listen on 127.0.0.1 port 80: No buffer space available; see OPENCLAW_HOST"),
    ],
)
def test_a_refusal_says_which_setting_to_change(monkeypatch: pytest.MonkeyPatch, code: int, advice: str) -> None:
    refuse(monkeypatch, "127.0.0.1", code)
    assert advice in why_not("127.0.0.1", 80)


def test_an_address_of_another_machine_is_none_of_ours() -> None:
    assert "192.0.2.1 is no address of this machine" in why_not("192.0.2.1", 0)
