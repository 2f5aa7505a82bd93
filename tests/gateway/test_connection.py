"""What a container may ask of the model, what it gets back, and when: over its real socket, from a real server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw.gateway.connection import MAX_BODY
from openclaw.gateway.site import Limits
from openclaw.gateway.upstream import KEPT_CONNECTIONS
from openclaw.gateway.usage import Tally, Usage
from tests.support.gateway import KEY, GatewayClient, Hall, hall
from tests.support.messages_answers import Fail, Raw, redirect, say
from tests.support.messages_api import MessagesApi
from tests.support.raw_http import RawResponse

VERSION = {"anthropic_version": "2023-06-01"}


def error_of(response: RawResponse) -> tuple[str, str]:
    """Kind and text of an error in the API's form."""
    body = response.json()
    assert body["type"] == "error"
    assert response.headers["content-type"] == "application/json"
    return body["error"]["type"], body["error"]["message"]


class TestWhatIsServed:
    def test_an_answer_comes_through_as_it_is(self, client: GatewayClient, api: MessagesApi) -> None:
        assert client.say(text="hello there") == "You said: hello there"
        asked = api.next()
        assert (asked.target, asked.text) == ("/v1/messages", "hello there")

    def test_one_connection_serves_many_requests(self, client: GatewayClient, api: MessagesApi) -> None:
        for number in range(5):
            assert client.say(text=f"n{number}") == f"You said: n{number}"
        assert len({api.next().port for _ in range(5)}) == 1  # the one to the API too

    def test_without_a_stream_the_answer_comes_as_a_whole(self, client: GatewayClient) -> None:
        client.call(stream=False)
        status, headers = client.head()
        assert (status, headers["content-type"]) == (200, "application/json")
        body = client.piece()
        assert client.piece() == b""
        assert json.loads(body)["content"] == [{"type": "text", "text": "You said: hi"}]

    def test_tokens_can_be_counted(self, client: GatewayClient, api: MessagesApi) -> None:
        client.call("/v1/messages/count_tokens")
        client.head()
        assert json.loads(client.piece())["input_tokens"] > 0
        assert api.next().target == "/v1/messages/count_tokens"

    @pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
    def test_a_client_may_ask_for_the_beta(self, client: GatewayClient, api: MessagesApi, path: str) -> None:
        client.call(f"{path}?beta=true")
        assert client.head()[0] == 200
        assert api.next().target == f"{path}?beta=true"

    @pytest.mark.parametrize(
        "target",
        [
            *("/", "/v1", "/v1/messages/", "/v1/messages/batches", "/v1/models", "/v1/files", "/v1/complete"),
            *("/v1/messages?beta=false", "/v1/messages?beta=true&x=y", "/v1/messages?a", "/V1/messages"),
            *("/v1/messages/../models", "/v1//messages", "/v1/%6dessages", "/api/oauth/claude_cli/create_api_key"),
        ],
    )
    def test_there_is_nothing_else(self, door: Path, api: MessagesApi, target: str) -> None:
        with GatewayClient(door) as client:
            response = client.request("POST", target, b"{}")
            assert response.status == 404
            assert error_of(response)[0] == "not_found_error"
            assert client.at_end()
        assert api.asked.empty()

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH"])
    def test_nothing_but_post_is_taken(self, client: GatewayClient, api: MessagesApi, method: str) -> None:
        response = client.request(method, "/v1/messages")
        assert response.status == 405
        assert method in error_of(response)[1]
        assert api.asked.empty()

    def test_a_client_that_asks_whether_to_go_on_is_told(self, client: GatewayClient) -> None:
        body = b'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}'
        head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
        client.send(f"{head}anthropic-version: 2023-06-01\r\n\r\n".encode())
        assert client.response().status == 100
        client.send(body)
        assert client.head()[0] == 200

    def test_the_last_request_of_a_connection_is_answered_before_it_ends(self, client: GatewayClient) -> None:
        client.call(Connection="close")
        status, headers = client.head()
        assert (status, headers["connection"]) == (200, "close")
        client.events()
        assert client.at_end()


class TestFraming:
    @pytest.mark.parametrize(
        "head",
        [
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 2",
            b"Content-Length: 2\r\nContent-Length: 3",
            b"Content-Length: +2",
            b"X: y",
            b"Content-Length: 2\nX: y",
            b"Content-Length: 2\r\nX : y",
            b"Content-Length: 2\r\nX: \x00",
            b"Content-Length: %d" % (MAX_BODY + 1),
        ],
    )
    def test_what_is_not_strictly_http_goes_nowhere(self, door: Path, api: MessagesApi, head: bytes) -> None:
        with GatewayClient(door) as client:
            client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n{}")
            response = client.response()
            assert 400 <= response.status <= 501
            error_of(response)
            assert client.at_end()
        assert api.asked.empty()

    def test_http_1_0_is_not_spoken(self, client: GatewayClient, api: MessagesApi) -> None:
        client.send(b"POST /v1/messages HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        assert client.response().status == 505
        assert api.asked.empty()

    def test_a_request_beyond_the_apis_own_limit_is_refused_unread(self, client: GatewayClient) -> None:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1))
        assert error_of(client.response())[0] == "request_too_large"

    def test_a_large_one_within_it_comes_through(self, client: GatewayClient, api: MessagesApi) -> None:
        text = "x" * (8 * 1024 * 1024)
        client.call(text=text)
        assert client.head()[0] == 200
        assert api.next().text == text

    def test_a_head_that_does_not_end_is_not_waited_for(self, tmp_path: Path, api: MessagesApi) -> None:
        with hall(tmp_path, api.url, limits=Limits(head_s=0.01)) as served, GatewayClient(served.admit()) as client:
            client.send(b"POST /v1/messages HTTP/1.1\r\n")
            assert client.response().status == 408
            assert client.at_end()

    def test_nor_is_a_client_that_asks_nothing(self, tmp_path: Path, api: MessagesApi) -> None:
        with hall(tmp_path, api.url, limits=Limits(idle_s=0.01)) as served, GatewayClient(served.admit()) as client:
            assert client.at_end()

    def test_a_body_that_stops_takes_its_call_with_it(self, tmp_path: Path, api: MessagesApi) -> None:
        with hall(tmp_path, api.url, limits=Limits(body_s=0.05)) as served, GatewayClient(served.admit()) as client:
            client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            assert client.at_end()
            served.wait_until_served()
        assert api.asked.empty()


class TestHeaders:
    def test_only_what_the_api_needs_goes_there(self, client: GatewayClient, api: MessagesApi) -> None:
        allowed: dict[str, Any] = {"accept": "text/event-stream", "anthropic_beta": "a-1,b-2", "user_agent": "cli/2"}
        dropped: dict[str, Any] = {
            "x_api_key": "stolen", "authorization": "Bearer stolen", "cookie": "a=b", "x_openclaw_turn": "t1",
            "x_forwarded_for": "1.2.3.4", "proxy_authorization": "Basic x", "accept_encoding": "gzip, br",
            "x_stainless_os": "Linux", "referer": "http://x", "te": "trailers", "via": "x"
        }  # fmt: skip
        client.call(**allowed, **dropped)
        assert client.head()[0] == 200
        headers = api.next().headers
        length = headers.pop("content-length")
        assert int(length) > 0
        assert headers == {
            "host": f"127.0.0.1:{api.port}",
            "content-type": "application/json",
            "accept": "text/event-stream",
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "a-1,b-2",
            "user-agent": "cli/2",
            "accept-encoding": "identity",
            "connection": "keep-alive",
            "x-api-key": KEY,
        }

    def test_only_what_the_client_needs_comes_back(self, client: GatewayClient) -> None:
        client.call()
        _, headers = client.head()
        assert headers.pop("request-id").startswith("req_")
        assert headers == {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}


class TestStreaming:
    def test_each_event_is_passed_on_before_there_is_a_next_one(self, client: GatewayClient, api: MessagesApi) -> None:
        step = threading.Semaphore(0)
        api.answers.append(say("one two three", pause=lambda _: step.acquire(timeout=20) or pytest.fail("no step")))
        client.call()
        assert client.head()[0] == 200  # before there is any event at all
        names = []
        for _ in range(9):
            step.release()
            event = client.piece()
            names.append(event.split(b"\n")[0].removeprefix(b"event: ").decode())
        assert client.piece() == b""
        delta = "content_block_delta"
        assert names == [
            *("message_start", "content_block_start", "ping", delta, delta, delta),
            *("content_block_stop", "message_delta", "message_stop"),
        ]

    def test_bytes_are_the_apis_own(self, client: GatewayClient, api: MessagesApi) -> None:
        pieces = [b"event: x\ndata: \xff\xfe\n", b"\n", b": comment\r\n\r\n", b'data: {"usage"', b"}\n\n", b"tail"]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        api.answers.append(Raw(head + body + b"0\r\n\r\n"))
        client.call()
        client.head()
        got = b""
        while piece := client.piece():
            got += piece
        assert got == b"".join(pieces)

    def test_an_error_within_a_stream_is_passed_on(self, client: GatewayClient, api: MessagesApi) -> None:
        api.answers.append(say("one two", fail_after=4))
        client.call()
        client.head()
        assert client.events()[-1] == ("error", Fail(529, "Overloaded").body())

    def test_a_stream_that_breaks_off_has_no_end(
        self, served: Hall, client: GatewayClient, api: MessagesApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.answers.append(say("one two", cut_after=3))
        client.call()
        client.head()
        for _ in range(3):
            assert client.piece()
        with pytest.raises(EOFError):
            client.piece()
        served.wait_until_served()
        assert "Model call of the group main: the answer broke off" in caplog.text
        assert api.asked.qsize() == 1  # and is not asked for again

    @pytest.mark.parametrize(
        "sent",
        [
            b"Content-Length: 100\r\n\r\nshort",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n64\r\nshort",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nnonsense\r\n",
        ],
    )
    def test_so_has_one_of_any_framing(self, client: GatewayClient, api: MessagesApi, sent: bytes) -> None:
        api.answers.append(Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + sent))
        client.call()
        client.head()
        assert client.piece() == b"short"
        with pytest.raises(EOFError):
            client.piece()

    def test_an_answer_whose_end_is_that_of_its_connection_is_whole(
        self, client: GatewayClient, api: MessagesApi
    ) -> None:
        api.answers.append(Raw(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}"))
        client.call()
        client.head()
        assert (client.piece(), client.piece()) == (b"{}", b"")

    def test_a_stream_that_stalls_is_cut(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with MessagesApi(say("one two", stall_after=2)) as api, hall(tmp_path, api.url, silence_s=0.2) as served:
            with GatewayClient(served.admit()) as client:
                client.call()
                client.head()
                client.piece()
                client.piece()
                with pytest.raises(EOFError):
                    client.piece()
            assert api.next_left()  # the API is not waited for any longer either
        assert "has sent nothing for 0.2 s" in caplog.text

    def test_an_answer_beyond_measure_is_cut(
        self, client: GatewayClient, api: MessagesApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("openclaw.gateway.connection.MAX_ANSWER", 1000)
        api.answers.append(say("x" * 2000))
        client.call()
        client.head()
        with pytest.raises(EOFError):
            client.events()


class TestErrors:
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (Fail(400, "max_tokens: too many"), "invalid_request_error"),
            (Fail(401, "invalid x-api-key"), "authentication_error"),
            (Fail(429, "slow down", retry_after=7), "rate_limit_error"),
            (Fail(529, "Overloaded", retry_after=3), "overloaded_error"),
            (Fail(500, "oops"), "api_error"),
        ],
    )
    def test_those_of_the_api_are_passed_on(
        self, client: GatewayClient, api: MessagesApi, answer: Fail, kind: str
    ) -> None:
        api.answers.append(answer)
        client.call()
        response = client.response()
        assert response.status == answer.status
        assert error_of(response) == (kind, answer.message)
        assert response.headers.get("retry-after") == (str(answer.retry_after) if answer.retry_after else None)
        assert "anthropic-organization-id" not in response.headers
        assert client.say() == "You said: hi"  # the connection serves on
        assert api.asked.qsize() == 2  # and nothing was asked twice

    def test_a_key_that_the_api_repeats_within_a_stream_is_taken_out(
        self, client: GatewayClient, api: MessagesApi
    ) -> None:
        api.answers.append(say(f"your key {KEY} is none"))
        assert client.say() == "your key [redacted] is none"

    def test_the_gateways_own_are_marked_and_say_where_asking_again_is_no_help(
        self, client: GatewayClient, api: MessagesApi
    ) -> None:
        api.answers.append(redirect("http://localhost/"))
        client.call()
        headers = client.response().headers
        assert (headers["x-openclaw-own"], headers["x-should-retry"]) == ("1", "false")

    def test_what_the_owner_can_do_about_them_is_in_the_log(
        self, client: GatewayClient, api: MessagesApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.answers.append(Fail(401))
        client.call()
        client.response()
        assert f"127.0.0.1:{api.port} answers 401: check ANTHROPIC_API_KEY" in caplog.text

    def test_an_early_refusal_is_heard_though_the_request_was_not_read(self, tmp_path: Path) -> None:
        refused = b'{"type": "error", "error": {"type": "request_too_large", "message": "no"}}'

        def refuse(server: socket.socket) -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                head = f"HTTP/1.1 413 No\r\nContent-Type: application/json\r\nContent-Length: {len(refused)}\r\n\r\n"
                connection.sendall(head.encode() + refused)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1_000_000):
                    pass

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=refuse, args=(server,))
            thread.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            with hall(tmp_path, url) as served, GatewayClient(served.admit()) as client:
                client.call(text="x" * 1_000_000)
                response = client.response()
            thread.join(10)
        assert (response.status, error_of(response)[0]) == (413, "request_too_large")


class TestHangUps:
    def test_a_container_that_leaves_before_the_answer_takes_the_call_with_it(
        self, served: Hall, client: GatewayClient, api: MessagesApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.latency_s = 60
        client.call(text="never mind")
        assert api.next().text == "never mind"
        client.close()
        assert api.next_left().text == "never mind"
        served.wait_until_served()
        assert caplog.text == ""  # nobody has to be told
        assert served.books.answers.empty()

    def test_so_does_one_that_leaves_in_the_middle(self, served: Hall, client: GatewayClient, api: MessagesApi) -> None:
        api.answers.append(say("one two three", stall_after=4))
        client.call()
        client.head()
        client.piece()
        client.close()
        assert api.next_left()
        served.wait_until_served()

    def test_so_does_one_that_leaves_within_its_request(
        self, served: Hall, client: GatewayClient, api: MessagesApi
    ) -> None:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
        assert client.response().status == 100
        client.send(b"{")
        client.close()
        served.wait_until_served()
        assert api.asked.empty()

    def test_a_slow_reader_holds_up_nobody_and_is_not_read_ahead_for(self, served: Hall, api: MessagesApi) -> None:
        sent: list[int] = []
        api.answers.append(say(" ".join(["x" * 50_000] * 400), pause=sent.append))  # 20 MB
        with GatewayClient(served.admit("slow")) as slow, GatewayClient(served.admit("fast", "friends")) as fast:
            slow.call()
            slow.head()
            slow.piece()
            for _ in range(20):
                assert fast.say() == "You said: hi"
            assert len(sent) < 300  # the API waits, as it would for a slow caller of its own
            while slow.piece():
                pass
            assert len(sent) > 400

    def test_one_that_does_not_read_at_all_is_cut(self, tmp_path: Path, api: MessagesApi) -> None:
        api.answers.append(say(" ".join(["x" * 50_000] * 400)))
        with hall(tmp_path, api.url, limits=Limits(write_s=0.1)) as served, GatewayClient(served.admit()) as client:
            client.call()
            served.wait_until_served()
            assert api.next_left()


COST = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}


class TestUsage:
    @pytest.fixture(autouse=True)
    def tally(self, served: Hall, api: MessagesApi) -> Tally:
        api.otherwise = lambda _: say("a b", usage=COST)
        return served.books.tallies.setdefault("t1", Tally())

    @pytest.mark.parametrize("stream", [True, False])
    def test_it_is_counted_for_the_group_and_for_the_turn(
        self, client: GatewayClient, served: Hall, tally: Tally, stream: bool
    ) -> None:
        client.call(stream=stream, x_openclaw_turn="t1")
        client.head()
        while client.piece():
            pass
        assert served.books.used_by("main") == tally.read() == Usage(10, 5, 3, 2)

    def test_it_is_counted_before_the_client_can_have_read_it(
        self, client: GatewayClient, api: MessagesApi, tally: Tally
    ) -> None:
        gate = threading.Event()

        def pause(number: int) -> None:
            assert number == 0 or gate.wait(20)

        api.answers.append(say("a b", usage=COST, pause=pause))
        client.call(x_openclaw_turn="t1")
        client.head()
        client.piece()
        assert tally.read() == Usage(10, 1, 3, 2)
        gate.set()
        client.events()
        assert tally.read() == Usage(10, 5, 3, 2)

    @pytest.mark.parametrize("turn_id", ["other", "", "T1", "../t1", "t1, t1"])
    def test_a_turn_that_is_not_in_flight_in_this_container_is_not_charged(
        self, client: GatewayClient, served: Hall, tally: Tally, turn_id: str
    ) -> None:
        served.books.tallies["other"] = other = Tally()  # it is, in another one
        client.say(x_openclaw_turn=turn_id)
        assert served.books.used_by("main") == Usage(10, 5, 3, 2)
        assert (tally.read(), other.read()) == (Usage(), Usage())

    def test_without_a_turn_the_group_alone_is_charged(
        self, client: GatewayClient, served: Hall, tally: Tally
    ) -> None:
        client.say()
        assert (served.books.used_by("main"), tally.read()) == (Usage(10, 5, 3, 2), Usage())

    def test_each_group_pays_for_itself(self, served: Hall, client: GatewayClient) -> None:
        with GatewayClient(served.admit("c2", "friends")) as other:
            other.say()
            other.say()
        assert served.books.used_by("friends") == Usage(20, 10, 6, 4)
        assert served.books.used_by("main") == Usage()

    def test_errors_cost_nothing_and_are_noted(self, client: GatewayClient, served: Hall, api: MessagesApi) -> None:
        api.answers.append(Fail(429))
        client.call()
        client.response()
        client.say()
        assert served.books.answers.get(timeout=10) == ("main", 429)
        assert served.books.answers.get(timeout=10) == ("main", 200)
        assert served.books.used_by("main") == Usage(10, 5, 3, 2)


def test_a_hundred_streams_run_side_by_side(served: Hall, api: MessagesApi) -> None:
    everybody = threading.Barrier(101)
    wait: Callable[[int], Any] = lambda number: everybody.wait(60) if number == 3 else None  # noqa: E731
    api.otherwise = lambda asked: say(asked.text, "and more", pause=wait)
    doors = [served.admit(f"c{number}", f"g{number % 10}") for number in range(100)]
    clients = [GatewayClient(door) for door in doors]
    try:
        for number, client in enumerate(clients):
            client.call(text=f"n{number}")
        everybody.wait(60)  # all are in the middle of their streams at once
        for number, client in enumerate(clients):
            assert client.head()[0] == 200
            texts = [data["delta"]["text"] for name, data in client.events() if name == "content_block_delta"]
            assert "".join(texts) == f"n{number}and more"
    finally:
        for client in clients:
            client.close()
    assert KEPT_CONNECTIONS >= 100
