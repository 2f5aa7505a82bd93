"""Hostile HTTP against the whole service: refused and cut, at no cost to honest callers and at none in memory.

What each byte sequence is answered is in tests/intake; here all of it comes at once, and again.
"""

from __future__ import annotations

import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from openclaw.bench import procfs
from openclaw.intake.connection import Limits
from openclaw.intake.server import MAX_CONNECTIONS
from tests.faults.amount import Figure, amount
from tests.support.front import FakeFront
from tests.support.http_service import http_service, wait_until_served
from tests.support.raw_http import RawClient
from tests.support.service import RunningService

ROUNDS: Final = amount(3, 60)
"""How often all attacks are made before memory is compared, after a third of them."""
GROWTH: Final = 6
"""MB by which the service may have grown then."""
DRIPPERS: Final = amount(64, MAX_CONNECTIONS)
CALLERS: Final = 1000

HOST: Final = b"Host: localhost\r\n"
HIDDEN: Final = b'POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18\r\n\r\n{"text": "hidden"}'
POST: Final = b"POST /messages HTTP/1.1\r\n" + HOST
GET: Final = b"GET /healthz HTTP/1.1\r\n" + HOST


def tls_hello() -> bytes:
    """What `https://` sends first."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


ATTACKS: Final[dict[str, tuple[bytes, set[int]]]] = {
    "TE and CL": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, {400}),
    "CL and TE": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN, {400}),
    "chunked": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, {501}),
    "two CL": (POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, {400}),
    "a list of CL": (POST + b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN) + HIDDEN, {400}),
    "a signed CL": (POST + b"Content-Length: +0\r\n\r\n" + HIDDEN, {400}),
    "a hex CL": (POST + b"Content-Length: 0x0\r\n\r\n" + HIDDEN, {400}),
    "an underscored CL": (POST + b"Content-Length: 1_0\r\n\r\n" + HIDDEN, {400}),
    "an endless CL": (POST + b"Content-Length: " + b"9" * 4000 + b"\r\n\r\n" + HIDDEN, {400}),
    "a folded field": (POST + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n" + HIDDEN, {400}),
    "a bare LF": (GET + b"X: y\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN, {400}),
    "two hosts": (GET + HOST + b"\r\n" + HIDDEN, {400}),
    "many fields": (GET + b"X: y\r\n" * 5000 + b"\r\n" + HIDDEN, {431}),
    "a large field": (GET + b"X: " + b"y" * 200_000 + b"\r\n\r\n" + HIDDEN, {431}),
    "a long path": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, {414}),
    "a huge body that is announced": (POST + b"Content-Length: 99999999999\r\n\r\n" + b"a" * 100_000, {413}),
    "a huge body that is sent": (POST + b"Content-Length: 4000000\r\n\r\n" + b"a" * 900_000, {413}),
    "no length": (POST + b"\r\n" + HIDDEN, {411}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", {505}),
    "HTTP/0.9": (b"GET /messages\r\n" + HIDDEN, {400}),
    "TLS": (tls_hello(), {400}),
    "a proxy": (b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, {400}),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, {400}),
    "a request in a GET": (GET + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(HIDDEN) + HIDDEN, {200}),
    "pipelined behind a refusal": (GET + b"\r\n" + POST + b"Content-Length: x\r\n\r\n" + HIDDEN, {200, 400}),
    "zeros": (bytes(100_000), {400, 414}),
}  # fmt: skip
"""What is sent, and the statuses that may be answered. None may run what is HIDDEN, and all end the connection."""


def attack(port: int, data: bytes) -> set[int]:
    """The statuses that came before the service closed the connection."""
    with RawClient(port) as client:
        try:
            client.send(data)
            answer = client.rest()
        except (BrokenPipeError, ConnectionResetError):
            return set()  # it was cut while it still sent, and heard nothing
    return {int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")}


def ask_once(port: int) -> bytes:
    """How the answer to an honest request begins; empty where it is cut before it was heard."""
    with RawClient(port) as client:
        try:
            client.send(GET + b"Connection: close\r\n\r\n")
            return client.rest()[:13]
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.fixture(autouse=True)
def enough_descriptors() -> Iterator[None]:
    """Both ends of all connections are this process's in some tests."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as running:
        yield running


def test_attacks_are_refused_and_cut_and_memory_stays_flat(service: RunningService, figure: Figure) -> None:
    port = int(service.url.rpartition(":")[2])
    before = 0.0
    for count in range(ROUNDS):
        threads = [threading.Thread(target=attack, args=(port, data)) for data, _ in ATTACKS.values()]
        for thread in threads:
            thread.start()
        for name, (data, expected) in ATTACKS.items():
            assert attack(port, data) <= expected, name
        assert service.post({"text": "hello", "id": f"honest-{count}"}).json()["status"] == "done"
        for thread in threads:
            thread.join()
        if count == ROUNDS // 3:
            before = procfs.rss_mb(service.process.pid)
    after = procfs.rss_mb(service.process.pid)

    assert {path.stem for path in (service.home / "ipc/outbox").iterdir()} == {f"honest-{n}" for n in range(ROUNDS)}
    assert not any((service.home / "ipc/work").glob("[!.h]*"))
    assert after - before < GROWTH
    figure(f"{2 * ROUNDS * len(ATTACKS)} attacks, 0 accepted, {after - before:+.1f} MB")


@pytest.mark.parametrize("drip", ["header", "body", "nothing"])
def test_who_drips_on_every_connection_keeps_others_out_no_longer_than_the_time_of_a_request(
    drip: str, figure: Figure
) -> None:
    """Honest callers are told meanwhile to come again, at once; when the time is over all places are free."""
    head = {"header": GET + b"X-Slow: ", "body": POST + b"Content-Length: 1000\r\n\r\n", "nothing": b""}[drip]
    front, limits = FakeFront(), Limits(request_s=1.0, idle_s=1.0, linger_s=0.2)
    with http_service(front, limits=limits, max_connections=DRIPPERS) as server:
        attackers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(DRIPPERS)]
        over = threading.Event()

        def keep_dripping() -> None:
            while not over.wait(0.1):
                for each in attackers:
                    try:
                        each.send(b"a" if head else b"")
                    except OSError:
                        continue  # it was cut

        for each in attackers:
            each.sendall(head)
        thread = threading.Thread(target=keep_dripping)
        thread.start()
        try:
            assert ask_once(server.port) in (b"HTTP/1.1 503 ", b"HTTP/1.1 200 ", b"")
            wait_until_served(server)
            with RawClient(server.port) as honest:
                assert honest.request("POST", "/messages", b'{"text": "hi"}').status == 202
        finally:
            over.set()
            thread.join()
            for each in attackers:
                each.close()
    assert [message.text for message in front.accepted] == ["hi"]
    figure(f"{DRIPPERS} connections that drip are cut in their time, 0 accepted")


def test_a_thousand_callers_at_once_are_served_or_told_to_come_again(service: RunningService, figure: Figure) -> None:
    port = int(service.url.rpartition(":")[2])
    body = b'{"text": "hello"}'.ljust(1024)
    begin = threading.Barrier(8)
    statuses: list[int] = []

    def call(count: int) -> None:
        begin.wait(60)
        clients = [RawClient(port) for _ in range(count)]
        for number, client in enumerate(clients):
            client.sock.settimeout(60)
            client.ask("POST", "/messages" if number % 100 == 0 else "/messages?crowd", body)
        for client in clients:
            with client:
                statuses.append(client.response().status)

    threads = [threading.Thread(target=call, args=(CALLERS // 8,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(statuses) == CALLERS
    assert set(statuses) <= {202, 400, 503}
    assert statuses.count(202) >= 1
    assert service.post({"text": "hello"}).json()["status"] == "done"
    figure(f"{CALLERS} at once: {statuses.count(202)} accepted, {statuses.count(400)} answered 400, "
           f"{statuses.count(503)} told to come again")


def test_requests_in_one_piece_are_answered_in_their_order(service: RunningService) -> None:
    count = amount(200, 2000)
    with RawClient(int(service.url.rpartition(":")[2])) as client:
        sender = threading.Thread(target=client.send, args=((GET + b"\r\n") * count,))
        sender.start()
        assert {client.response().status for _ in range(count)} == {200}
        sender.join()
