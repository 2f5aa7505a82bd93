"""Whoever may not call: pages of other sites in the user's browser, other users, containers and machines.

All of it goes to the whole service at once. Nothing of it is accepted, and the body is not even read.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.faults.amount import Figure, amount, cannot
from tests.support.raw_http import RawClient
from tests.support.service import RunningService

TIMES: Final = amount(1, 20)
SENT: Final = b'{"text": "hostile"}'

HOSTS: Final = ("evil.example", "evil.example:PORT", "127.0.0.1.evil.example:PORT", "localhost.:PORT", "[::2]")
"""What a name that was made to lead here is called in the request (DNS rebinding)."""

PAGES: Final = (
    ("Origin: http://evil.example",), ("Origin: null",), ("Origin: http://localhost:1",), ("Origin: http://127.0.0.1:PORT",),
    ("Origin: https://evil.example", "Content-Type: text/plain"),
    ("Origin: null", "Content-Type: application/x-www-form-urlencoded"),
    ("Origin: null", "Content-Type: multipart/form-data; boundary=x"),
    ("Referer: http://evil.example/page", "Content-Type: text/plain"),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Content-Type: text/plain"),
    ("Sec-Fetch-Site: same-site",),
)  # fmt: skip
"""What a browser adds to what another page sends; the last ones are its forms, and requests that need no preflight."""

_SIOCGIFADDR: Final = 0x8915  # <linux/sockios.h>

_LEAVES: Final = """
import os, socket, sys  # before the user is another, who may not be let in to Python's own folder
uid, port, count = map(int, sys.argv[1:])
os.setgid(uid); os.setuid(uid)
def connected():
    caller = socket.socket()
    caller.settimeout(10)
    caller.connect(("127.0.0.1", port))
    return caller
body = b'{"text": "hostile"}'
for _ in range(count):
    caller = connected()
    try:
        caller.sendall(b"POST /messages HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 19\\r\\n\\r\\n" + body)
    except OSError:
        pass
    caller.close()
for _ in range(count):
    caller = connected()
    print(caller.recv(65536).split()[1].decode())
    caller.close()
"""
"""Another user who connects, sends and closes before the kernel can be asked; and one who listens first."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as running:
        yield running


def port_of(service: RunningService) -> int:
    return int(service.url.rpartition(":")[2])


def post(port: int, *fields: str, host: str = "localhost:PORT") -> int:
    """The status of a message that is sent with these fields of a head."""
    lines = ["POST /messages HTTP/1.1", f"Host: {host}", *fields, f"Content-Length: {len(SENT)}", "", ""]
    with RawClient(port) as client:
        client.send("\r\n".join(lines).replace("PORT", str(port)).encode() + SENT)
        return client.response().status


def addresses_beside_loopback() -> list[str]:
    """This machine's addresses in other networks, a container bridge's among them."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # it has none
                answer = fcntl.ioctl(asks, _SIOCGIFADDR, struct.pack("256s", name.encode()))
                found.append(socket.inet_ntoa(answer[20:24]))
    return [address for address in found if not address.startswith("127.")]


def assert_nothing_was_accepted(service: RunningService) -> None:
    assert service.post({"text": "hello", "id": "honest"}).json()["status"] == "done"
    assert [path.name for path in (service.home / "ipc/outbox").glob("*.json")] == ["honest.json"]
    assert {path.name for path in (service.home / "ipc/work").glob("[!.]*")} <= {"honest.json"}
    assert "hostile" not in (service.home / "logs/app.log").read_text()


def test_no_page_of_another_site_gets_a_message_in(service: RunningService, figure: Figure) -> None:
    port = port_of(service)
    for _ in range(TIMES):
        assert {post(port, host=host) for host in HOSTS} == {421}
        assert {post(port, *fields) for fields in PAGES} == {403}
        assert {post(port, *fields, host="evil.example:PORT") for fields in PAGES} == {421}
        preflight = "OPTIONS /messages HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n"
        with RawClient(port) as client:
            client.send(preflight.encode())
            assert (refused := client.response()).status == 403
            assert not [name for name in refused.headers if name.startswith("access-control")]

    assert_nothing_was_accepted(service)
    figure(f"{TIMES * (len(HOSTS) + 2 * len(PAGES) + 1)} requests of other pages, 0 accepted")


def test_our_own_page_may_send(service: RunningService) -> None:
    ours = ("Origin: http://localhost:PORT", "Referer: http://localhost:PORT/", "Sec-Fetch-Site: same-origin")

    assert post(port_of(service), *ours) == 202


def test_another_user_is_refused_also_when_he_has_left_at_once(service: RunningService, figure: Figure) -> None:
    if os.geteuid() != 0:
        cannot("only root can become another user")
    count = 50 * TIMES
    done = subprocess.run(
        [sys.executable, "-c", _LEAVES, "65534", str(port_of(service)), str(count)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    assert set(done.stdout.split()) == {"403"}
    assert_nothing_was_accepted(service)
    figure(f"{2 * count} calls of another user, half of them gone at once: 0 accepted")


def test_no_other_address_of_this_machine_is_listened_on(service: RunningService, figure: Figure) -> None:
    """A container on a bridge knows the machine by the bridge's address, and another machine by that of its network."""
    addresses = addresses_beside_loopback()
    for address in addresses:
        with socket.socket() as caller:
            caller.settimeout(10)
            assert caller.connect_ex((address, port_of(service))) != 0, address
    figure(f"{len(addresses)} other addresses of this machine: no connection")


def test_whoever_calls_from_the_bridge_where_it_is_listened_on_needs_the_token(tmp_path: Path) -> None:
    """As a container on the bridge does: by an address of the machine's that is not loopback."""
    address = next(iter(addresses_beside_loopback()), None)
    if address is None:
        cannot("this machine has no address but loopback")
    with RunningService(tmp_path / "home", OPENCLAW_HOST="0.0.0.0", OPENCLAW_TOKEN="t" * 32) as service:
        port = port_of(service)
        for token, status in (("", 401), ("x" * 32, 401), ("t" * 32, 202)):
            with RawClient(port, address) as client:
                fields = {"Host": f"{address}:{port}", **({"Authorization": f"Bearer {token}"} if token else {})}
                lines = [f"{name}: {value}" for name, value in fields.items()]
                head = ["POST /messages HTTP/1.1", *lines, f"Content-Length: {len(SENT)}", "", ""]
                client.send("\r\n".join(head).encode())
                if status == 202:
                    client.send(SENT)
                assert client.response().status == status  # of the others the body was never sent
