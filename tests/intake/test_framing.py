"""Requests as they come off the wire: what can be read in one way only is served, all else is refused.

Where two readers may disagree on where a request ends, one request can hide in another. So a refusal ends the
connection, and what comes behind it is never run.
"""

from __future__ import annotations

import ssl

import pytest

from openclaw.http.framing import MAX_HEADER_BYTES, MAX_HEADERS, MAX_REQUEST_LINE
from openclaw.intake.connection import MAX_BODY
from openclaw.intake.server import HttpServer
from tests.support.front import FakeFront
from tests.support.raw_http import RawClient, RawResponse

HIDDEN = b'POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18\r\n\r\n{"text": "hidden"}'


def refusal(server: HttpServer, front: FakeFront, data: bytes) -> RawResponse:
    """The only answer to `data` and another request behind it, which is not run."""
    with RawClient(server.port) as client:
        client.send(data + HIDDEN)
        response = client.response()
        assert client.rest() == b""
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["connection"] == "close"
    assert front.accepted == []
    return response


def post(*fields: bytes, body: bytes = b'{"text": "hi"}') -> bytes:
    return b"\r\n".join([b"POST /messages HTTP/1.1", b"Host: localhost", *fields, b"", body])


def get(*fields: bytes, target: bytes = b"/healthz", version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([b" ".join([b"GET", target, version]), *(fields or (b"Host: localhost",)), b"", b""])


class TestTheLengthOfABody:
    @pytest.mark.parametrize(
        "field",
        [b"Content-Length: 14", b"content-length:14", b"CONTENT-LENGTH: \t14 \t", b"Content-Length: 0014"],
    )
    def test_it_is_a_number_in_digits(self, client: RawClient, front: FakeFront, field: bytes) -> None:
        client.send(post(field))

        assert client.response().status == 202
        assert [message.text for message in front.accepted] == ["hi"]

    @pytest.mark.parametrize(
        "value",
        [
            *(b"+14", b"-14", b"1_4", b"0x0e", b"14.0", b"1e1", b"", b"14;", b'"14"', b"fourteen"),
            *(b"1 4", b"14 14", b"14, 14", b"14,", b",14", b"14,5"),
            *("١٤".encode(), "１４".encode(), b"\xb2", b"9" * 20, b"1" * 5000),
        ],
    )
    def test_anything_else_is_refused(self, server: HttpServer, front: FakeFront, value: bytes) -> None:
        response = refusal(server, front, post(b"Content-Length: " + value))

        assert (response.status, response.json()["detail"]) == (400, "Send one Content-Length of digits only.")

    @pytest.mark.parametrize("second", [b"Content-Length: 14", b"Content-Length: 5", b"content-length: 14"])
    def test_it_is_said_once(self, server: HttpServer, front: FakeFront, second: bytes) -> None:
        assert refusal(server, front, post(b"Content-Length: 14", second)).status == 400

    @pytest.mark.parametrize("length", [MAX_BODY + 1, 10**18])
    def test_a_larger_one_than_is_taken_is_refused_unread(
        self, server: HttpServer, front: FakeFront, length: int
    ) -> None:
        response = refusal(server, front, post(b"Content-Length: %d" % length))

        assert (response.status, response.json()["title"]) == (413, "Request Entity Too Large")
        assert f"send at most {MAX_BODY}" in response.json()["detail"]

    @pytest.mark.parametrize("field", [b"X: y", b"Content_Length: 14", b"Content-Length-: 14", b"XContent-Length: 14"])
    def test_a_post_must_tell_it(self, server: HttpServer, front: FakeFront, field: bytes) -> None:
        response = refusal(server, front, post(field))

        assert (response.status, response.json()["detail"]) == (411, "Send the body with a Content-Length.")

    @pytest.mark.parametrize(
        ("line", "status"), [(b"GET /healthz", 200), (b"HEAD /healthz", 200), (b"DELETE /messages/none", 404)]
    )
    def test_a_body_that_nobody_needs_is_no_request(
        self, client: RawClient, front: FakeFront, line: bytes, status: int
    ) -> None:
        client.send(line + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + get())

        assert client.response(head_only=line.startswith(b"HEAD")).status == status
        assert client.response().json() == {"status": "ok"}
        assert front.accepted == []


CHUNKED = b"e\r\n" + b'{"text": "hi"}' + b"\r\n0\r\n\r\n"


class TestTransferCodings:
    @pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"\tchunked", b"gzip, chunked", b"identity", b""])
    def test_none_is_spoken(self, server: HttpServer, front: FakeFront, value: bytes) -> None:
        response = refusal(server, front, post(b"Transfer-Encoding: " + value, body=CHUNKED))

        assert (response.status, "with a Content-Length" in response.json()["detail"]) == (501, True)

    @pytest.mark.parametrize(
        "fields",
        [
            (b"Content-Length: 6", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Content-Length: 6"),
            (b"transfer-encoding: identity", b"Content-Length: 6"),
            (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Content-Length: 6"),
            (b"Transfer-Encoding: xchunked", b"Content-Length: 6"),
        ],
    )
    def test_one_beside_a_length_is_an_attack(
        self, server: HttpServer, front: FakeFront, fields: tuple[bytes, ...]
    ) -> None:
        assert refusal(server, front, post(*fields, body=b"0\r\n\r\nG")).status == 400

    @pytest.mark.parametrize(
        "disguise",
        [
            *(b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked"),
            *(b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \x00chunked", b"\x00Transfer-Encoding: chunked"),
            *(b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked", b": chunked"),
            *(b"X: y\r\n Transfer-Encoding: chunked", b"X: y\r\n\tchunked", b"Transfer-Encoding:\r\n chunked"),
            *(b"Transfer\xadEncoding: chunked", b"Transfer Encoding: chunked", b"Transfer-Encoding chunked"),
        ],
    )  # fmt: skip
    def test_a_disguised_one_is_no_header_line(self, server: HttpServer, front: FakeFront, disguise: bytes) -> None:
        assert refusal(server, front, get(b"Host: localhost", disguise)).status == 400


class TestLines:
    def test_an_empty_one_may_stand_before_a_request(self, client: RawClient) -> None:
        client.send(b"\r\n" + get() + b"\r\n" + get())

        assert [client.response().status, client.response().status] == [200, 200]

    @pytest.mark.parametrize(
        "data",
        [
            b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
            b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n",
            b"\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ],
    )
    def test_each_ends_with_both_characters(self, server: HttpServer, front: FakeFront, data: bytes) -> None:
        response = refusal(server, front, data)

        assert (response.status, response.json()["detail"]) == (400, "End each line with CR LF, not with LF alone.")

    @pytest.mark.parametrize(
        "data",
        [
            *(b"\r\n\r\n", b"GET\r\n\r\n", b"GET /healthz\r\n", b"GET /healthz\r\n\r\n"),  # the last two are HTTP/0.9
            *(get(version=b"http/1.1"), get(version=b"HTTP/1.1 "), get(version=b"HTTP/1.10"), get(version=b"HTTP/1,1")),
            *(b" " + get(), b"\r" + get(), b"\r\r\n" + get(), b"\x00" + get(), b"G(T" + get(), b"\xef\xbb\xbf" + get()),
            *(get().replace(b" /", b"  /"), get().replace(b" /", b"\t/"), get().replace(b" /", b" \xa0/")),
            *(get(target=b"/health\x00z"), get(target=b"/health z"), get(target=b"/\x7f"), get(target="/ä".encode())),
            *(get(target=b"/healthz\r"), get(target=b"/healthz\x0b"), get(target=b"/\x85")),
        ],
    )  # fmt: skip
    def test_the_first_is_method_path_version(self, server: HttpServer, front: FakeFront, data: bytes) -> None:
        response = refusal(server, front, data)

        assert (response.status, "METHOD /path HTTP/1.1" in response.json()["detail"]) == (400, True)

    @pytest.mark.parametrize(
        "target",
        [
            *(b"http://localhost/healthz", b"https://localhost/healthz", b"file:///etc/passwd"),
            *(b"localhost:80", b"*", b"healthz", b"?wait=1", b"/healthz#top", b"/healthz?a#top", b"\\healthz"),
        ],
    )
    def test_what_is_asked_for_is_a_path(self, server: HttpServer, front: FakeFront, target: bytes) -> None:
        response = refusal(server, front, get(target=target))

        assert (response.status, "a path that begins with '/'" in response.json()["detail"]) == (400, True)

    @pytest.mark.parametrize("byte", [bytes([number]) for number in (*range(9), *range(11, 32), 127)])
    def test_a_value_holds_no_control_character(self, server: HttpServer, front: FakeFront, byte: bytes) -> None:
        response = refusal(server, front, get(b"Host: localhost", b"X-Name: a" + byte + b"b"))

        assert response.status == 400
        assert response.json()["detail"] == "The header field X-Name holds a control character."

    def test_a_value_may_hold_tabs_and_any_letter(self, client: RawClient) -> None:
        client.send(get(b"Host: localhost", "X-Name: a\tä\u0141".encode()))

        assert client.response().status == 200


class TestHosts:
    @pytest.mark.parametrize(
        ("fields", "number"),
        [
            ((b"X: y",), 0),
            ((b"Host: localhost", b"Host: localhost"), 2),
            ((b"Host: localhost", b"host: evil.example"), 2),
            ((b"Host: evil.example", b"Host: localhost", b"HOST: localhost"), 3),
        ],
    )
    def test_there_is_exactly_one(
        self, server: HttpServer, front: FakeFront, fields: tuple[bytes, ...], number: int
    ) -> None:
        response = refusal(server, front, get(*fields))

        assert response.status == 400
        assert response.json()["detail"] == f"Send exactly one Host field; this request has {number}."

    def test_an_old_client_may_leave_it_out(self, client: RawClient) -> None:
        client.send(get(b"X: y", version=b"HTTP/1.0"))

        assert client.response().status == 200

    def test_an_old_client_may_not_send_two(self, server: HttpServer, front: FakeFront) -> None:
        assert refusal(server, front, get(b"Host: a", b"Host: b", version=b"HTTP/1.0")).status == 400


class TestSizes:
    def test_a_request_line_may_be_as_long_as_said(self, client: RawClient) -> None:
        client.send(get(target=b"/healthz?".ljust(MAX_REQUEST_LINE - len("GET  HTTP/1.1"), b"x")))

        assert client.response().status == 200

    @pytest.mark.parametrize("excess", [1, 2, 3, 100_000])
    def test_a_longer_request_line_is_refused(self, server: HttpServer, front: FakeFront, excess: int) -> None:
        target = b"/healthz?".ljust(MAX_REQUEST_LINE - len("GET  HTTP/1.1") + excess, b"x")

        assert refusal(server, front, get(target=target)).status == 414

    def test_a_request_line_without_end_is_refused_before_it_ends(self, client: RawClient) -> None:
        client.send(b"GET /" + b"x" * MAX_REQUEST_LINE)

        assert client.response().status == 414

    def test_there_may_be_as_many_fields_as_said(self, client: RawClient) -> None:
        client.send(get(b"Host: localhost", *[b"X: y"] * (MAX_HEADERS - 1)))

        assert client.response().status == 200

    @pytest.mark.parametrize("excess", [1, 10_000])
    def test_more_fields_are_refused(self, server: HttpServer, front: FakeFront, excess: int) -> None:
        response = refusal(server, front, get(b"Host: localhost", *[b"X: y"] * (MAX_HEADERS - 1 + excess)))

        assert (response.status, f"more than {MAX_HEADERS} fields" in response.json()["detail"]) == (431, True)

    @pytest.mark.parametrize(("beyond", "status"), [(0, 200), (1, 431), (50_000, 431)])
    def test_the_fields_together_are_bounded(self, client: RawClient, beyond: int, status: int) -> None:
        fields = [b"Host: localhost", b"A: " + b"a" * 10_000, b"B: " + b"b" * 10_000]
        left = MAX_HEADER_BYTES - sum(len(field) + 2 for field in fields)
        client.send(get(*fields, b"C: ".ljust(left + beyond, b"c")))

        assert client.response().status == status

    def test_a_field_without_end_is_refused_before_it_ends(self, client: RawClient) -> None:
        client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * MAX_HEADER_BYTES)

        assert client.response().status == 431


class TestOtherProtocols:
    @pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/3.0", b"HTTP/1.2", b"HTTP/0.9"])
    def test_other_versions_are_not_spoken(self, server: HttpServer, front: FakeFront, version: bytes) -> None:
        response = refusal(server, front, get(version=version))

        assert response.status == 505
        assert response.json()["detail"] == f"{version.decode()} is not spoken here; use HTTP/1.1."

    def test_a_client_that_begins_with_http_2_is_told_so(self, client: RawClient) -> None:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")

        assert client.response().status == 505

    def test_a_client_that_speaks_tls_is_not_left_waiting(self, client: RawClient) -> None:
        client.send(_tls_hello())

        assert client.response().status == 400

    @pytest.mark.parametrize("hello", [b"SSH-2.0-OpenSSH_9.9\r\n", b"EHLO example\r\n", b"*1\r\n$4\r\nPING\r\n"])
    def test_neither_is_anybody_else(self, client: RawClient, hello: bytes) -> None:
        client.send(hello)

        assert client.response().status == 400


@pytest.mark.parametrize("value", [b"200-ok", b"100-continue, 100-continue", b"100-continue;x", b"the worst"])
def test_nothing_can_be_expected_but_to_continue(server: HttpServer, front: FakeFront, value: bytes) -> None:
    assert refusal(server, front, post(b"Content-Length: 14", b"Expect: " + value)).status == 417


def test_a_request_that_is_cut_off_anywhere_is_never_run(server: HttpServer, front: FakeFront) -> None:
    for end in range(1, len(HIDDEN)):
        with RawClient(server.port) as client:
            client.send(HIDDEN[:end])
            client.half_close()
            assert client.rest() == b""

    assert front.accepted == []


def _tls_hello() -> bytes:
    """What `https://` sends first."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
