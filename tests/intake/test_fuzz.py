"""Requests that were damaged at random: whatever comes, the service neither fails nor falls silent."""

from __future__ import annotations

import logging
import random
import re
from pathlib import Path

import pytest

from openclaw.intake.server import HttpServer
from openclaw.message import Message
from tests.support.front import FakeFront
from tests.support.http_service import wait_until_served
from tests.support.raw_http import RawClient

HOST = b"Host: localhost\r\n"
MESSAGE = (
    b'{"text": "h\\u00e4llo [{1e5, true}]", "group": "main", "session": "s", "sender": "Ann", "priority": "high",'
    b' "id": "mine", "callback_url": "http://127.0.0.1:9/x"}'
)
REQUESTS = [
    b"POST /messages HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(MESSAGE) + MESSAGE,
    b'POST /messages?wait=30 HTTP/1.1\r\nContent-Length: 14\r\nExpect: 100-continue\r\n' + HOST + b'\r\n{"text": "hi"}',
    b'POST /messages?stream=1 HTTP/1.1\r\nContent-Length: 14\r\nConnection: close\r\n' + HOST + b'\r\n{"text": "hi"}',
    b"GET /messages/m1?wait=30 HTTP/1.1\r\nAuthorization: Bearer x\r\n" + HOST + b"\r\n",
    b"GET /messages/m1/events HTTP/1.1\r\nLast-Event-ID: 3.0\r\n" + HOST + b"\r\n",
    b"DELETE /messages/m1 HTTP/1.1\r\nOrigin: http://localhost\r\n" + HOST + b"\r\n",
    b"HEAD /status HTTP/1.0\r\nConnection: keep-alive\r\nReferer: http://localhost/\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\n" + HOST + b"\r\n",
    b'PUT /groups/friends HTTP/1.1\r\nContent-Length: 21\r\n' + HOST + b'\r\n{"network": "bridge"}',
]  # fmt: skip
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"%", b"?", b"#", b"/", b"..", b"\xff", b"\xed\xa0\x80"),
    *(b"{", b"[", b'"', b"\\", b"\\ud800", b"NaN", b"1e400", b"-", b"9" * 30, b"[" * 40, b"a" * 9000, b"A: b\r\n" * 70),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", HOST, b"HTTP/2.0"),
]
ANSWER = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


def damaged(chance: random.Random) -> bytes:
    """One request, or two in one piece, with up to five changes."""
    data = bytearray(b"".join(chance.choices(REQUESTS, k=chance.choice((1, 1, 2)))))
    for _ in range(chance.randint(1, 5)):
        start = chance.randrange(len(data))
        end = min(len(data), start + chance.choice((1, 1, 2, 10, 50)))
        match chance.randrange(5):
            case 0:
                data[start:start] = chance.choice(PIECES)
            case 1:
                data[start:end] = chance.choice(PIECES)
            case 2 if end - start < len(data):
                del data[start:end]
            case 3:
                data[start:start] = data[start:end]
            case _:
                data[start] = chance.randrange(256)
    return bytes(data)


@pytest.fixture
def front(tmp_path: Path) -> FakeFront:
    return FakeFront(tmp_path)


@pytest.mark.parametrize("part", range(4))
def test_damaged_requests_are_answered_or_refused(
    server: HttpServer, front: FakeFront, caplog: pytest.LogCaptureFixture, part: int
) -> None:
    served = 0
    for number in range(500 * part, 500 * (part + 1)):
        data = damaged(random.Random(number))
        with RawClient(server.port) as client:
            client.send(data)
            client.half_close()
            answer = client.rest()
        statuses = {int(status) for status in ANSWER.findall(answer)}
        assert not answer or ANSWER.match(answer), (number, data, answer)
        assert not statuses - {*range(100, 500), 501, 505}, (number, data, answer)
        served += bool(statuses & {200, 201, 202, 204})
    wait_until_served(server)

    assert served > 20  # the damage is not so great that nothing gets through
    assert all(Message.from_json(message.to_json()) == message for message in front.accepted)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    with RawClient(server.port) as client:
        assert client.request("GET", "/healthz").status == 200
