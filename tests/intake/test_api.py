"""The HTTP API as its callers see it: what each path answers, and what each refusal tells them to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw.errors import (
    DamagedGroup,
    IdConflict,
    InvalidMessage,
    MessageRefused,
    NotDurable,
    QueueFull,
    SenderRefused,
    UnknownGroup,
)
from openclaw.intake.api import MAX_WAIT_S
from openclaw.message import Message
from tests.support.front import FakeFront
from tests.support.raw_http import RawClient, RawResponse


def post(client: RawClient, message: dict[str, Any], query: str = "") -> RawResponse:
    return client.request("POST", f"/messages{query}", json.dumps(message).encode())


def problem(response: RawResponse) -> tuple[int, str, str]:
    """(status, title, detail) of a problem as RFC 9457 has it; there is nothing else in it."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body == {
        "type": "about:blank", "title": body["title"], "status": response.status, "detail": body["detail"]
    }  # fmt: skip
    assert body["title"]
    assert body["detail"]
    return response.status, body["title"], body["detail"]


class TestSending:
    def test_a_message_is_queued_and_where_its_reply_will_be_is_told(self, client: RawClient) -> None:
        response = post(client, {"text": "hi"})

        assert (response.status, response.json()) == (202, {"id": "m1", "status": "queued"})
        assert response.headers["location"] == "/messages/m1"

    def test_all_that_it_says_is_handed_on(self, client: RawClient, front: FakeFront) -> None:
        message = Message("hällo\n😀", "mine", "friends", "work", "Ann", "high", "http://127.0.0.1:9000/replies")

        response = post(client, message.to_json())

        assert response.headers["location"] == "/messages/mine"
        assert front.accepted == [message]

    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=x"])
    def test_what_a_client_calls_the_body_does_not_matter(self, client: RawClient, kind: str) -> None:
        assert client.request("POST", "/messages", b'{"text": "hi"}', Content_Type=kind).status == 202

    def test_the_same_id_again_is_the_same_message(self, client: RawClient, front: FakeFront) -> None:
        answers = [post(client, {"text": "hi", "id": "mine"}) for _ in range(3)]

        assert {(answer.status, answer.body) for answer in answers} == {(202, b'{"id":"mine","status":"queued"}\n')}
        assert len(front.accepted) == 1

    @pytest.mark.parametrize(
        ("refused", "status", "title"),
        [
            (InvalidMessage, 400, "Invalid message"),
            (SenderRefused, 403, "Sender refused"),
            (UnknownGroup, 404, "Unknown group"),
            (IdConflict, 409, "Id already used"),
            (QueueFull, 429, "Queue full"),
            (DamagedGroup, 500, "Group damaged"),
            (NotDurable, 503, "Not stored"),
        ],
    )
    def test_a_refusal_is_told_in_its_own_words(
        self, client: RawClient, front: FakeFront, refused: type[MessageRefused], status: int, title: str
    ) -> None:
        front.refusal = refused("this is why, and what to do")

        response = post(client, {"text": "hi"}, "?wait=5")

        again = "; then send it again" if refused is NotDurable else ""
        assert problem(response) == (status, title, f"this is why, and what to do{again}")
        assert response.headers.get("retry-after") == ("1" if status in (429, 503) else None)


class TestWaiting:
    @pytest.mark.parametrize("query", ["?wait=3600", "?wait=60.5", "?wait=0060", "?wait=60.000001"])
    def test_the_reply_comes_as_soon_as_it_is_there(self, client: RawClient, front: FakeFront, query: str) -> None:
        client.ask("POST", f"/messages{query}", b'{"text": "hi"}')
        assert front.begun_waits.acquire(timeout=10)
        front.answer("m1", "hello")

        response = client.response()

        assert (response.status, response.json()) == (200, front.reply("m1"))

    def test_one_that_is_there_already_comes_at_once(self, client: RawClient, front: FakeFront) -> None:
        post(client, {"text": "hi", "id": "mine"})
        front.answer("mine", "hello")

        assert post(client, {"text": "hi", "id": "mine"}, "?wait=0").json()["text"] == "hello"
        assert post(client, {"text": "hi", "id": "mine"}, "?wait=3600").json()["text"] == "hello"
        assert not front.begun_waits.acquire(blocking=False)

    @pytest.mark.parametrize("query", ["", "?"])
    def test_who_does_not_wait_is_told_that_the_message_is_queued(self, client: RawClient, query: str) -> None:
        response = post(client, {"text": "hi"}, query)

        assert (response.status, response.json()) == (202, {"id": "m1", "status": "queued"})
        assert response.headers["location"] == "/messages/m1"

    @pytest.mark.parametrize("query", ["?wait=0", "?wait=0.01"])
    def test_when_the_time_is_over_it_is_told_where_the_message_stands(
        self, client: RawClient, front: FakeFront, query: str
    ) -> None:
        response = post(client, {"text": "hi"}, query)

        assert (response.status, response.json()) == (202, front.progress("m1"))
        assert response.json()["status"] == "running"
        assert response.headers["location"] == "/messages/m1"

    def test_a_reply_that_comes_as_the_time_is_over_is_told(
        self, client: RawClient, front: FakeFront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def answered(message_id: str, /) -> None:
            front.answer(message_id, "hello")

        monkeypatch.setattr(front, "progress", answered)
        response = post(client, {"text": "hi"}, "?wait=0")

        assert (response.status, response.json()) == (200, front.reply("m1"))

    def test_later_callers_may_wait_too(self, client: RawClient, front: FakeFront) -> None:
        post(client, {"text": "hi"})
        client.ask("GET", "/messages/m1?wait=3600")
        assert front.begun_waits.acquire(timeout=10)
        front.answer("m1", "hello")

        assert client.response().json() == front.reply("m1")

    @pytest.mark.parametrize(
        "query",
        [
            *("wait", "wait=", "wait=-1", "wait=+1", "wait=1e3", "wait=nan", "wait=inf", "wait=1s", "wait=.5"),
            *("wait=1&wait=2", "wait=1&", "&wait=1", "Wait=1", "wait=%31", "wait=1&stream=1", "stream=2", "x=1"),
            *(f"wait={MAX_WAIT_S + 1}", f"wait={MAX_WAIT_S}.000001", "wait=99999", "wait=1.0000001", "wait=5."),
        ],
    )
    def test_anything_else_that_is_asked_for_is_refused_before_the_message_is_taken(
        self, client: RawClient, front: FakeFront, query: str
    ) -> None:
        for response in (post(client, {"text": "hi"}, f"?{query}"), client.request("GET", f"/messages/m1?{query}")):
            assert problem(response) == (
                400, "Bad Request", "The parameter here is wait=S, S from 0 to 3600 s, or by POST stream=1."
            )  # fmt: skip
        assert front.accepted == []


class TestMessages:
    def test_one_in_flight_shows_how_far_it_is(self, client: RawClient) -> None:
        post(client, {"text": "hi"})

        response = client.request("GET", "/messages/m1")

        assert response.status == 200
        assert response.json() == {
            "id": "m1", "group": "main", "session": "default", "status": "running", "attempt": 1
        }  # fmt: skip

    def test_one_that_is_answered_shows_its_reply(self, client: RawClient, front: FakeFront) -> None:
        front.answer("m1", "hello")

        assert client.request("GET", "/messages/m1").json() == front.reply("m1")

    @pytest.mark.parametrize("message_id", ["m1.s1", "m1.m1"])
    def test_so_does_a_subagent_and_what_was_sent_before_a_reply(
        self, client: RawClient, front: FakeFront, message_id: str
    ) -> None:
        front.answer(message_id, "found")

        assert client.request("GET", f"/messages/{message_id}").json()["text"] == "found"

    @pytest.mark.parametrize("query", ["", "?wait=3600"])
    def test_one_that_nobody_knows_is_not_found(self, client: RawClient, query: str) -> None:
        status, _, detail = problem(client.request("GET", f"/messages/m1{query}"))

        assert (status, "No message m1 is known" in detail) == (404, True)

    def test_a_reply_that_is_damaged_is_not_shown_as_one(
        self, client: RawClient, front: FakeFront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(front, "reply", lambda message_id: {})

        status, _, detail = problem(client.request("GET", "/messages/m1"))

        assert (status, "ipc/outbox/m1.json" in detail) == (500, True)

    def test_one_in_flight_can_be_cancelled(self, client: RawClient, front: FakeFront) -> None:
        post(client, {"text": "hi"})

        response = client.request("DELETE", "/messages/m1")

        assert (response.status, response.json()) == (202, {"id": "m1", "status": "cancelling"})
        assert front.cancelled == ["m1"]

    def test_one_that_is_answered_can_not(self, client: RawClient, front: FakeFront) -> None:
        front.answer("m1", "hello")

        assert problem(client.request("DELETE", "/messages/m1")) == (
            409, "Conflict", "It is answered already: GET /messages/m1 shows the reply."
        )  # fmt: skip

    def test_nor_can_one_that_nobody_knows(self, client: RawClient, front: FakeFront) -> None:
        assert problem(client.request("DELETE", "/messages/m1"))[0] == 404
        assert front.cancelled == []


class TestOperations:
    def test_the_service_is_alive(self, client: RawClient) -> None:
        assert client.request("GET", "/healthz").json() == {"status": "ok"}

    def test_it_says_whether_it_takes_messages(self, client: RawClient, front: FakeFront) -> None:
        assert client.request("GET", "/readyz").json() == {"status": "ready", "detail": "messages are taken"}

        front.readiness = (False, "the disk is full; make room on it")

        assert problem(client.request("GET", "/readyz")) == (503, "Not ready", "the disk is full; make room on it")
        assert client.request("GET", "/healthz").status == 200

    def test_it_shows_what_runs_where(self, client: RawClient, front: FakeFront) -> None:
        assert client.request("GET", "/status").json() == front.status()
        assert client.request("GET", "/subagents").json() == {"subagents": front.subagents()}
        assert client.request("GET", "/agents").json() == {"agents": front.agents()}

    def test_its_metrics_are_text_for_prometheus(self, client: RawClient, front: FakeFront) -> None:
        response = client.request("GET", "/metrics")

        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response.body.decode() == front.metrics()


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            *("//", "/page.js", "/nowhere", "/messages/", "//messages", "/messages//", "/Messages", "/%6dessages"),
            *("/messages/a.b", "/messages/a.s0", "/messages/a.s1.m1", "/messages/-a", "/messages/" + "a" * 65),
            *("/messages/..", "/messages/../status", "/messages/%2e%2e", "/messages/a%00", "/./healthz", "/healthz/"),
            *("/messages;x", "/messages/a/", "/messages/a/events/", "/messages/a/b/events", "/events/", "/status/x"),
            "/" + "x" * 5000,
        ],
    )
    def test_there_are_no_others(self, client: RawClient, path: str) -> None:
        status, title, detail = problem(client.request("GET", path))

        assert (status, title, "by POST to /messages" in detail) == (404, "Not Found", True)
        assert len(detail) < 200

    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("/messages", "POST"),
            ("/messages/m1", "GET, DELETE, HEAD"),
            ("/messages/m1/events", "GET, HEAD"),
            ("/status", "GET, HEAD"),
            ("/agents", "GET, HEAD"),
            ("/subagents", "GET, HEAD"),
            ("/healthz", "GET, HEAD"),
            ("/readyz", "GET, HEAD"),
            ("/metrics", "GET, HEAD"),
            ("/groups", "GET, HEAD"),
            ("/groups/friends", "GET, PUT, DELETE, HEAD"),
        ],
    )
    def test_each_says_which_methods_it_takes(self, client: RawClient, path: str, allowed: str) -> None:
        response = client.request("PATCH", path)

        assert problem(response) == (405, "Method Not Allowed", f"{path} takes {allowed}.")
        assert response.headers["allow"] == allowed

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "A"])
    def test_messages_are_sent_by_post_alone(self, client: RawClient, front: FakeFront, method: str) -> None:
        assert client.request(method, "/messages", b'{"text": "hi"}').status == 405
        assert front.accepted == []


def test_what_is_no_json_comes_with_the_call_that_sends_some(client: RawClient) -> None:
    detail = client.request("POST", "/messages", b"{text: hello}").json()["detail"]
    assert "line 1, column 2" in detail
    assert """curl -d '{"text": "hello"}' …""" in detail


NOT_JSON: list[tuple[bytes, str]] = [
    (b"", "empty: send one JSON object"),
    (b" \r\n\t", "empty: send one JSON object"),
    (b"hello", "not valid JSON"),
    (b"text=hello", "not valid JSON"),
    (b'{"text": "hi"', "line 1, column 14"),
    (b"{'text': 'hi'}", "not valid JSON"),
    (b'{"text": "hi",}', "not valid JSON"),
    (b'{"text": "hi"} {"text": "ho"}', "Extra data"),
    (b'{"text": "hi"}\x00', "Extra data"),
    (b'{"text": "hi"} // not bad', "Extra data"),
    (b'{"text": "a\nb"}', "Invalid control character"),
    (b'{"text": "\\x41"}', "Invalid \\escape"),
    (b'["text", "hi"]', "must be one object"),
    (b'"hi"', "must be one object"),
    (b"null", "must be one object"),
    (b'{"text": "hi", "text": "ho"}', "the key 'text' twice"),
    (b'{"text": "hi", "\\u0074ext": "ho"}', "the key 'text' twice"),
    (b'{"text": "hi", "x": {"a": 1, "a": 1}}', "the key 'a' twice"),
    (b'{"text": NaN}', "JSON has no NaN"),
    (b'{"text": Infinity}', "JSON has no Infinity"),
    (b'{"text": [-Infinity]}', "JSON has no -Infinity"),
    (b'{"text": 1e400}', "beyond a double"),
    (b'{"text": -1e999999999}', "beyond a double"),
    (b'{"text": 9223372036854775808}', "beyond 64 bits"),
    (b'{"text": ' + b"1" * 200_000 + b"}", "beyond 64 bits"),
    (b'{"text": ' + b"[" * 100_000, "nested deeper than 32"),
    (b'{"text": ' + b"[" * 32 + b"]" * 32 + b"}", "nested deeper than 32"),
    (b'{"a":' * 33 + b"1" + b"}" * 33, "nested deeper than 32"),
    (b'{"text": "\\ud800"}', "half of a surrogate pair"),
    (b'{"text": "\\udc00\\ud800"}', "half of a surrogate pair"),
    (b'{"\\ud800": "hi"}', "half of a surrogate pair"),
    (b'{"text": "\xed\xa0\x80"}', "not UTF-8 at byte 10"),
    (b'{"text": "\xff"}', "not UTF-8 at byte 10"),
    (b'{"text": "\xc0\xaf"}', "not UTF-8 at byte 10"),
    (b'{"text": "\xe4"}', "not UTF-8 at byte 10"),
    (b'\xef\xbb\xbf{"text": "hi"}', "byte order mark"),
    ('{"text": "hi"}'.encode("utf-16"), "byte order mark"),
    ('{"text": "hi"}'.encode("utf-16-le"), "not valid JSON"),
    ('{"text": "hi"}'.encode("utf-32-be"), "not valid JSON"),
]

NO_MESSAGE: list[tuple[dict[str, Any], str]] = [
    ({}, 'a message needs "text"'),
    ({"text": ""}, '"text" is empty: say in it what is asked, as in {"text": "hello"}'),
    ({"text": " \n"}, '"text" is empty'),
    ({"text": None}, '"text" must be a string'),
    ({"text": ["hi"]}, '"text" must be a string'),
    ({"text": 1}, '"text" must be a string'),
    ({"Text": "hi"}, "unknown key 'Text'"),
    ({"text": "hi", "goup": "friends"}, "unknown key 'goup'; a message has attachments, callback_url"),
    ({"text": "hi", "x" * 10_000: 1}, "unknown key 'xxx"),
    ({"text": "hi", "id": ""}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "id": "a" * 65}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "id": "a.s1"}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "id": "../a"}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "id": "a\n"}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "id": "a\r\nX: y"}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "id": "ä"}, '"id" must be 1 to 64 letters'),
    ({"text": "hi", "group": "/etc"}, '"group" must be 1 to 64 letters'),
    ({"text": "hi", "session": ".x"}, '"session" must be 1 to 64 letters'),
    ({"text": "hi", "sender": "Ann\n[INFO] lies"}, '"sender" takes at most'),
    ({"text": "hi", "priority": "urgent"}, '"priority" is "high", "normal" or "low"'),
    ({"text": "hi", "callback_url": "file:///etc/passwd"}, '"callback_url" must be'),
    ({"text": "hi", "callback_url": "http://[::1/"}, '"callback_url" must be'),
]


class TestWhatIsNoMessage:
    @pytest.mark.parametrize(("body", "named"), NOT_JSON)
    def test_what_is_no_strict_json_is_refused(
        self, client: RawClient, front: FakeFront, body: bytes, named: str
    ) -> None:
        status, title, detail = problem(client.request("POST", "/messages", body))

        assert (status, title) == (400, "Invalid message")
        assert named in detail
        assert len(detail) < 300
        assert front.accepted == []

    @pytest.mark.parametrize(("message", "named"), NO_MESSAGE)
    def test_what_is_another_object_is_refused(
        self, client: RawClient, front: FakeFront, message: dict[str, Any], named: str
    ) -> None:
        status, title, detail = problem(post(client, message))

        assert (status, title) == (400, "Invalid message")
        assert named in detail
        assert len(detail) < 300
        assert front.accepted == []

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b'\t{"text"\n:"hi"}\r\n ', "hi"),
            ('{"text": "ä€😀"}'.encode(), "ä€😀"),
            (b'{"text": "\\u00e4\\u20ac\\ud83d\\ude00\\u0000\\/"}', "ä€😀\0/"),
            (b'{"text": "' + b"[{" * 1000 + b'\\""}', "[{" * 1000 + '"'),
            (b'{"\\u0074ext": "hi"}', "hi"),
        ],
    )
    def test_but_all_that_json_allows_is_understood(
        self, client: RawClient, front: FakeFront, body: bytes, text: str
    ) -> None:
        assert client.request("POST", "/messages", body).status == 202
        assert [message.text for message in front.accepted] == [text]
