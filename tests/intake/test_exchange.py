"""Answers as they go over the wire, byte for byte."""

from __future__ import annotations

from collections.abc import Generator

from openclaw.intake.exchange import (
    NO_CONTENT,
    Response,
    StreamedResponse,
    json_response,
    render,
    render_chunk,
    render_stream_head,
)

NOW = 1_800_000_000.0
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
    b"Content-Type: text/plain\r\n"
    b"%s"
    b"Cache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"%s"
    b"\r\n"
)


def _nothing() -> Generator[bytes, None, None]:
    yield from ()


def test_an_answer_is_a_head_and_a_body() -> None:
    response = Response(200, "hällo".encode(), "text/plain")

    assert render(response, now=NOW, close=False) == HEAD % (b"Content-Length: 6\r\n", b"") + "hällo".encode()


def test_its_own_fields_and_the_end_of_the_connection_are_told() -> None:
    response = Response(200, b"", "text/plain", (("Retry-After", "1"), ("Allow", "GET")))

    assert render(response, now=NOW, close=True) == HEAD % (
        b"Content-Length: 0\r\n",
        b"Retry-After: 1\r\nAllow: GET\r\nConnection: close\r\n",
    )


def test_a_head_alone_tells_the_length_of_the_body_that_it_lacks() -> None:
    response = Response(200, b"hello", "text/plain")

    assert render(response, now=NOW, close=False, head_only=True) == HEAD % (b"Content-Length: 5\r\n", b"")


def test_an_answer_without_content_has_no_length() -> None:
    data = render(NO_CONTENT, now=NOW, close=False)

    assert data.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert data.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in data


def test_json_is_one_line_of_utf8() -> None:
    response = json_response(202, {"id": "a", "text": "ä\n😀"}, (("Location", "/messages/a"),))

    assert response.body == '{"id":"a","text":"ä\\n😀"}\n'.encode()
    assert (response.status, response.content_type) == (202, "application/json")
    assert response.headers == (("Location", "/messages/a"),)


def test_a_stream_is_sent_in_chunks_to_those_who_know_them() -> None:
    response = StreamedResponse(200, "text/plain", (("X-Accel-Buffering", "no"),), _nothing())

    assert render_stream_head(response, now=NOW, chunked=True, close=False) == HEAD % (
        b"Transfer-Encoding: chunked\r\n",
        b"X-Accel-Buffering: no\r\n",
    )
    assert render_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert render_chunk(b"") == b"0\r\n\r\n"


def test_for_others_the_end_of_the_connection_is_its_end() -> None:
    response = StreamedResponse(200, "text/plain", (), _nothing())

    assert render_stream_head(response, now=NOW, chunked=False, close=False) == HEAD % (b"", b"Connection: close\r\n")
