"""One connection: its requests one after the other, the time that each may take, and how it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import select
import socket
from collections.abc import Iterator

import pytest

from openclaw.intake.connection import MAX_BODY, Limits
from openclaw.intake.server import HttpServer
from tests.support.clock import FakeClock
from tests.support.front import FakeFront
from tests.support.http_service import http_service, wait_until_served
from tests.support.raw_http import RawClient

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
BUDGET_S = 0.1


def post(text: str, *fields: bytes) -> bytes:
    body = json.dumps({"text": text}).encode()
    lines = (b"POST /messages HTTP/1.1", b"Host: localhost", b"Content-Length: %d" % len(body), *fields, b"")
    return b"\r\n".join([*lines, body])


def texts(front: FakeFront) -> list[str]:
    return [message.text for message in front.accepted]


def drip(client: RawClient, until: int = select.POLLIN) -> None:
    """Send byte after byte, for some 10 s, until the server says something; with `until` 0, until it resets."""
    heard = select.poll()
    heard.register(client.sock, until)
    with contextlib.suppress(ConnectionError):  # reset between a look and a byte
        for _ in range(1000):
            if heard.poll(10):
                return
            client.send(b"x")
        raise AssertionError("the server listens without end")


class TestOneAfterTheOther:
    def test_a_connection_serves_request_after_request(self, client: RawClient) -> None:
        assert [client.request("GET", "/healthz").status for _ in range(3)] == [200, 200, 200]

    def test_requests_that_are_sent_together_are_answered_in_their_order(
        self, client: RawClient, front: FakeFront
    ) -> None:
        client.send(post("one") + GET + post("two") + post("three"))

        answers = [client.response().json() for _ in range(4)]

        assert [answer.get("id") for answer in answers] == ["m1", None, "m2", "m3"]
        assert texts(front) == ["one", "two", "three"]

    def test_how_a_request_is_torn_on_its_way_makes_no_difference(self, client: RawClient, front: FakeFront) -> None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in post("one") + post("two"):
            client.send(bytes([number]))

        assert [client.response().status for _ in range(2)] == [202, 202]
        assert texts(front) == ["one", "two"]

    def test_the_largest_body_is_taken_whole(self, client: RawClient, front: FakeFront) -> None:
        text = "x" * (MAX_BODY - len('{"text": ""}'))
        client.send(post(text) + GET)

        assert [client.response().status for _ in range(2)] == [202, 200]
        assert texts(front) == [text]

    @pytest.mark.parametrize(
        ("version", "option"),
        [("1.1", "close"), ("1.1", "CLOSE"), ("1.1", "keep-alive, Close"), ("1.0", "close"), ("1.0", "keep-alive")],
    )
    def test_the_last_one_is_the_one_that_says_so(
        self, client: RawClient, front: FakeFront, version: str, option: str
    ) -> None:
        client.send(f"GET /healthz HTTP/{version}\r\nHost: localhost\r\nConnection: {option}\r\n\r\n".encode())
        client.send(post("never"))

        assert client.response().headers["connection"] == "close"
        assert client.at_end()
        assert front.accepted == []

    def test_what_the_service_refuses_ends_nothing(self, client: RawClient, front: FakeFront) -> None:
        client.send(post("") + post("one"))

        assert [client.response().status for _ in range(2)] == [400, 202]
        assert texts(front) == ["one"]

    def test_a_fault_of_ours_ends_nothing(
        self,
        client: RawClient,
        front: FakeFront,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(front, "status", lambda: 1 // 0)

        failed = client.request("GET", "/status")

        assert (failed.status, "logs/app.log says why" in failed.json()["detail"]) == (500, True)
        assert "GET /status failed" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert client.request("GET", "/healthz").status == 200


class TestAnswers:
    def test_each_has_what_a_careful_reader_needs(self, client: RawClient) -> None:
        headers = client.request("GET", "/status").headers

        assert headers["content-type"] == "application/json"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["date"].endswith(" GMT")
        assert "connection" not in headers

    @pytest.mark.parametrize("path", ["/status", "/metrics", "/messages/none", "/nowhere"])
    def test_the_answer_to_head_is_that_to_get_without_its_body(self, server: HttpServer, path: str) -> None:
        with RawClient(server.port) as client:
            whole = client.request("GET", path, Connection="close")
        with RawClient(server.port) as client:
            head = client.request("HEAD", path, Connection="close")
            assert client.rest() == b""

        assert head.status == whole.status
        assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}
        assert int(head.headers["content-length"]) == len(whole.body) > 0


class TestWhoWaitsToBeAskedForTheBody:
    def test_is_asked(self, client: RawClient, front: FakeFront) -> None:
        head, _, body = post("hi", b"Expect: 100-continue").partition(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n")

        assert client.response().status == 100
        client.send(body)
        assert client.response().status == 202
        assert texts(front) == ["hi"]

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 262145", 413),
            (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5", 404),
            (b"PUT /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5", 405),
            (b"POST /messages HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 5", 421),
            (b"POST /messages HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 5", 403),
        ],
    )
    def test_is_told_at_once_that_it_is_in_vain(self, client: RawClient, request_: bytes, status: int) -> None:
        client.send(request_ + b"\r\nExpect: 100-continue\r\n\r\n")

        assert client.response().status == status
        assert client.at_end()

    @pytest.mark.parametrize(
        "request_",
        [
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
            b"GET /healthz HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi",
        ],
    )
    def test_is_not_asked_for_nothing_nor_in_a_version_that_does_not_know_it(
        self, client: RawClient, request_: bytes
    ) -> None:
        client.send(request_)

        assert client.response().status == 200


class TestTime:
    @pytest.fixture
    def server(self, front: FakeFront) -> Iterator[HttpServer]:
        with http_service(front, limits=Limits(request_s=BUDGET_S, write_s=BUDGET_S)) as running:
            yield running

    @pytest.mark.parametrize(
        "begun",
        [
            b"P",
            b"POST /messages HTTP/1.1\r\nHost: localhost\r\nX: ",
            b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
        ],
        ids=["line", "header", "body"],
    )
    def test_a_request_that_comes_in_drops_is_over_in_its_time(
        self, client: RawClient, front: FakeFront, begun: bytes
    ) -> None:
        client.send(begun)

        drip(client)

        response = client.response()
        assert (response.status, response.json()["detail"]) == (408, "The request took too long; send it in one go.")
        assert client.at_end()
        assert front.accepted == []

    def test_so_is_one_that_stands_still(self, client: RawClient) -> None:
        client.send(GET[:-1])

        assert client.response().status == 408

    def test_so_is_one_behind_another(self, client: RawClient) -> None:
        client.send(GET + GET[:-1])

        assert [client.response().status, client.response().status] == [200, 408]

    @pytest.mark.parametrize("before", [0, 1])
    def test_who_says_nothing_more_is_left_without_a_word(self, front: FakeFront, before: int) -> None:
        with http_service(front, limits=Limits(idle_s=3 * BUDGET_S)) as server, RawClient(server.port) as client:
            for _ in range(before):
                assert client.request("GET", "/healthz").status == 200
            assert client.rest() == b""

    def test_it_begins_anew_with_each_request(self, front: FakeFront) -> None:
        clock = FakeClock()
        with http_service(front, clock=clock) as server, RawClient(server.port) as client:
            for _ in range(3):
                client.send(GET[:10])
                clock.advance(Limits().request_s - 1)
                client.send(GET[10:])
                assert client.response().status == 200

    def test_who_does_not_take_the_answer_is_dropped(self, server: HttpServer, front: FakeFront) -> None:
        front.answer("a", "x" * 20_000_000)
        with RawClient(server.port) as client:
            client.ask("GET", "/messages/a")
            assert client.sock.recv(1, socket.MSG_PEEK)
            wait_until_served(server)
            assert len(client.rest()) < 20_000_000


class TestRefusalsReachTheirReader:
    """Closing over bytes that were not read would reset the connection, and take the answer away."""

    def test_while_the_body_is_still_on_its_way(self, server: HttpServer, client: RawClient) -> None:
        client.send(b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (2 * MAX_BODY))

        assert client.response().status == 413
        assert client.rest() == b""
        for _ in range(32):
            client.send(b"x" * (2 * MAX_BODY // 32))
        client.half_close()
        wait_until_served(server)
        assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0  # nothing was reset

    def test_but_not_much_is_heard_of_it(self, client: RawClient) -> None:
        client.send(b"nonsense\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.send(b"x" * 64_000_000)

    def test_and_nothing_of_it_is_run(self, front: FakeFront) -> None:
        with http_service(front, limits=Limits(linger_s=0)) as server, RawClient(server.port) as client:
            client.send(b"nonsense\r\n")
            assert client.response().status == 400
            client.send(post("hidden"))
            wait_until_served(server)
        assert front.accepted == []

    def test_nor_for_long(self, front: FakeFront) -> None:
        with http_service(front, limits=Limits(linger_s=BUDGET_S)) as server, RawClient(server.port) as client:
            client.send(b"nonsense\r\n")
            assert client.response().status == 400
            assert client.rest() == b""
            drip(client, until=0)


class TestCallersWhoLeave:
    def test_what_was_sent_whole_counts(self, server: HttpServer, client: RawClient, front: FakeFront) -> None:
        assert client.request("GET", "/healthz").status == 200
        client.send(post("one") + post("two"))
        client.close()
        wait_until_served(server)

        assert texts(front) == ["one", "two"]

    def test_who_has_nothing_more_to_say_may_still_listen(self, client: RawClient, front: FakeFront) -> None:
        client.send(post("one") + GET)
        client.half_close()

        assert [client.response().status for _ in range(2)] == [202, 200]
        assert client.rest() == b""
        assert texts(front) == ["one"]

    @pytest.mark.parametrize("cut", [False, True], ids=["closed", "reset"])
    def test_nobody_waits_for_the_reply_of_one_who_has_left(
        self, server: HttpServer, client: RawClient, front: FakeFront, cut: bool
    ) -> None:
        client.send(post("one").replace(b"/messages", b"/messages?wait=3600"))
        assert front.begun_waits.acquire(timeout=10)
        if cut:
            client.reset()
        else:
            client.close()

        assert front.ended_waits.acquire(timeout=10)
        wait_until_served(server)

    def test_who_says_that_nothing_more_comes_is_told_where_the_message_stands(
        self, client: RawClient, front: FakeFront
    ) -> None:
        client.send(post("one").replace(b"/messages", b"/messages?wait=3600"))
        assert front.begun_waits.acquire(timeout=10)
        client.half_close()

        assert client.response().json() == front.progress("m1")

    def test_who_sends_the_next_request_in_the_meantime_still_waits(self, client: RawClient, front: FakeFront) -> None:
        client.send(post("one").replace(b"/messages", b"/messages?wait=3600"))
        assert front.begun_waits.acquire(timeout=10)
        client.send(GET)
        front.answer("m1", "hello")

        assert client.response().json()["text"] == "hello"
        assert client.response().json() == {"status": "ok"}

    @pytest.mark.parametrize("sent", [b"", b"POST", post("one")[:-1], GET + GET, b"\x00\r\n"])
    def test_a_reset_is_nobodys_fault(
        self,
        server: HttpServer,
        client: RawClient,
        front: FakeFront,
        caplog: pytest.LogCaptureFixture,
        sent: bytes,
    ) -> None:
        assert client.request("GET", "/healthz").status == 200
        client.send(sent)
        client.reset()
        wait_until_served(server)

        assert front.accepted == []
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_large_answer_is_taken_piece_by_piece(server: HttpServer, front: FakeFront) -> None:
    front.answer("a", "ä€😀\n" * 200_000)
    with RawClient(server.port) as client:
        assert client.request("GET", "/messages/a").json()["text"] == "ä€😀\n" * 200_000
        assert client.request("GET", "/healthz").status == 200
