"""Where a response begins and ends: the same however its bytes are cut, and refused where it is unclear."""

from __future__ import annotations

import pytest

from agent_runner.engines.messages.failures import Cut
from agent_runner.engines.messages.framing import MAX_LINE, Body, parse_head


def head(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers]).encode("latin-1")


def body(*headers: str) -> Body:
    return Body(parse_head(head(*headers)))


def taken(body: Body, data: bytes, step: int) -> tuple[bytes, bytes]:
    """What a body gives when its bytes come `step` at a time, and what is left of them once it has ended."""
    buffer, whole = bytearray(), b""
    for begin in range(0, len(data), step):
        buffer += data[begin : begin + step]
        while not body.ended and (piece := body.take(buffer)):
            whole += piece
    return whole, bytes(buffer)


def test_a_head_has_its_status_and_headers_by_their_lower_names() -> None:
    found = parse_head(head("Retry-After:  7 ", "X-A: 1", "x-a: 2", status="HTTP/1.1 529 "))

    assert (found.status, found.headers) == (529, {"retry-after": "7", "x-a": "1, 2"})


@pytest.mark.parametrize(
    ("status", "headers", "keeps"),
    [
        ("HTTP/1.1 200 OK", [], True),
        ("HTTP/1.1 200 OK", ["Connection: Close"], False),
        ("HTTP/1.0 200 OK", [], False),
    ],
)
def test_a_head_tells_whether_the_connection_stays(status: str, headers: list[str], keeps: bool) -> None:
    assert parse_head(head(*headers, status=status)).keeps_connection == keeps


@pytest.mark.parametrize("status", ["SSH-2.0-OpenSSH_9", "HTTP/2 200", "HTTP/1.1 20", "HTTP/1.1 999 No", ""])
def test_what_speaks_something_else_is_said(status: str) -> None:
    with pytest.raises(Cut, match=r"does not speak HTTP/1\.1"):
        parse_head(head(status=status))


@pytest.mark.parametrize("header", ["no colon", "two words: x", ": x", " folded: x", "a\x00: x"])
def test_a_malformed_header_is_refused(header: str) -> None:
    with pytest.raises(Cut, match="malformed header"):
        parse_head(head(header))


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_chunks_are_joined_however_they_are_cut(step: int) -> None:
    data = b'5\r\nHello\r\nA ; note="x"\r\n, 10 bytes\r\n0\r\ntrailer: x\r\n\r\nnext'
    found = body("Transfer-Encoding: chunked")

    assert taken(found, data, step) == (b"Hello, 10 bytes", b"next")
    assert found.ended
    assert found.keeps_connection


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_body_with_a_length_ends_there(step: int) -> None:
    found = body("Content-Length: 5")

    assert taken(found, b"Hellonext", step) == (b"Hello", b"next")
    assert found.ended


def test_a_body_without_either_ends_with_its_connection() -> None:
    found = body()

    assert taken(found, b"Hello", 2) == (b"Hello", b"")
    assert found.ends_with_connection
    assert not found.ended
    assert not found.keeps_connection


def test_an_empty_body_has_ended() -> None:
    assert body("Content-Length: 0").ended


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: ²"],
        ["Transfer-Encoding: gzip, chunked"],
    ],
)
def test_a_body_whose_end_is_unclear_is_refused(headers: list[str]) -> None:
    with pytest.raises(Cut):
        body(*headers)


@pytest.mark.parametrize(
    "data", [b"x\r\n", b"\r\n", b"-1\r\n", b"123456789\r\n", b"2\r\nabc\r\n", b"1" * (MAX_LINE + 1)]
)
def test_a_malformed_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(Cut, match="chunk"):
        taken(body("Transfer-Encoding: chunked"), data, 1000)
