"""Server-sent events over real sockets: as they happen, resumable, and no reader costs anybody else anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from openclaw.containers.event_tail import Event
from openclaw.intake import streams
from openclaw.intake.connection import Limits
from openclaw.intake.server import HttpServer
from openclaw.message import Message
from tests.support.front import FakeFront
from tests.support.http_service import http_service, start_server, wait_until_served
from tests.support.raw_http import RawClient
from tests.support.sse import EventClient, Sent

EVENTS = "/messages/a/events"


def _delta(front: FakeFront, number: int, text: str = "hi", message_id: str = "a", attempt: int = 1) -> None:
    front.hub.lines(message_id, attempt, [Event(number, {"kind": "delta", "text": text})])


def _finish(front: FakeFront, message_id: str = "a") -> None:
    front.answer(message_id, "whole")
    front.hub.done(message_id)


@pytest.fixture
def begun(front: FakeFront) -> FakeFront:
    """A front with the message "a", which runs."""
    front.accept(Message("hello", id="a"))
    front.hub.started("a", 1, "persistent")
    return front


@contextmanager
def _served(server: HttpServer, receive_buffer: int = 0) -> Iterator[None]:
    """A client that has read the first two events and reads no more, until the block ends."""
    with EventClient(server.port, EVENTS, receive_buffer=receive_buffer) as client:
        client.take(2)
        yield


# What is sent


def test_a_server_that_closes_lets_streams_go_long_before_its_grace_is_over(begun: FakeFront) -> None:
    server = start_server(begun)
    with _served(server):
        closing = threading.Thread(target=server.close, args=(600,))
        closing.start()
        closing.join(30)
        assert not closing.is_alive()


def test_events_come_as_they_happen(front: FakeFront, server: HttpServer) -> None:
    front.accept(Message("hello", id="a"))
    with EventClient(server.port, EVENTS) as client:
        assert client.next() == Sent("0.1", "queued", {"id": "a"})
        front.hub.started("a", 1, "persistent")
        assert client.next() == Sent("0.2", "started", {"id": "a", "attempt": 1, "route": "persistent"})
        _delta(front, 1, "two\nlines \u2028 and more")
        assert client.next() == Sent("1.0", "delta", {"text": "two\nlines \u2028 and more"})
        _finish(front)
        assert client.rest() == [Sent("1.1", "done", front.reply("a") or {})]
        assert client.comments == []


def test_the_head_tells_everybody_on_the_way_to_pass_events_on_at_once(begun: FakeFront, server: HttpServer) -> None:
    with EventClient(server.port, EVENTS) as client:
        first, *fields = client.head.splitlines()
        assert first == "HTTP/1.1 200 OK"
        assert {"Content-Type: text/event-stream; charset=utf-8", "Cache-Control: no-store"} <= set(fields)
        assert {"X-Accel-Buffering: no", "Transfer-Encoding: chunked"} <= set(fields)
        assert "Content-Length" not in client.head


def test_a_post_can_be_answered_by_its_events(front: FakeFront, server: HttpServer) -> None:
    with EventClient(server.port, "/messages?stream=1", method="POST", body='{"text": "hello"}') as client:
        assert client.head.startswith("HTTP/1.1 200 OK\r\n")
        assert "Location: /messages/m1\r\n" in client.head
        assert client.next() == Sent("0.1", "queued", {"id": "m1"})
        _finish(front, "m1")
        assert [event.name for event in client.rest()] == ["done"]


@pytest.mark.parametrize("query", ["stream=1&wait=3", "stream=0", "stream"])
def test_a_post_with_an_unclear_query_is_not_accepted(front: FakeFront, client: RawClient, query: str) -> None:
    refused = client.request("POST", f"/messages?{query}", b'{"text": "hello"}')
    assert refused.status == 400
    assert "stream=1" in refused.json()["detail"]
    assert front.accepted == []


def test_a_broken_connection_is_taken_up_behind_the_last_event_that_was_seen(
    begun: FakeFront, server: HttpServer
) -> None:
    for number in range(1, 4):
        _delta(begun, number)
    with EventClient(server.port, EVENTS) as client:
        seen = client.take(4)
    _delta(begun, 4)
    _finish(begun)
    with EventClient(server.port, EVENTS, f"Last-Event-ID: {seen[-1].id}") as client:
        assert [event.id for event in client.rest()] == ["3.0", "4.0", "4.1"]


def test_a_second_attempt_is_told_and_taken_up_by_its_own_ids(begun: FakeFront, server: HttpServer) -> None:
    _delta(begun, 1)
    with EventClient(server.port, EVENTS, "Last-Event-ID: 1.0") as client:
        begun.hub.started("a", 2, "dedicated")
        _delta(begun, 1, attempt=2)
        started, delta = client.take(2)
        assert (started.id, started.data["attempt"], delta.id) == ("2-0.2", 2, "2-1.0")
    _finish(begun)
    with EventClient(server.port, EVENTS, "Last-Event-ID: 2-1.0") as client:
        assert [event.name for event in client.rest()] == ["done"]


def test_who_comes_late_to_a_long_text_gets_all_of_it(begun: FakeFront, server: HttpServer) -> None:
    for number in range(1, 10_001):
        _delta(begun, number, f"{number} ")
    _finish(begun)
    with EventClient(server.port, EVENTS) as client:
        events = client.rest()
    assert len(events) < 9_000
    assert "".join(event.data.get("text", "") for event in events[:-1]) == "".join(f"{n} " for n in range(1, 10_001))


def test_much_that_is_there_already_is_sent_in_pieces(begun: FakeFront, server: HttpServer) -> None:
    for number in range(1, 31):
        _delta(begun, number, "x" * 30_000)
    _finish(begun)
    with EventClient(server.port, EVENTS, "Last-Event-ID: 0.2") as client:
        assert [event.id for event in client.rest()] == [*(f"{number}.0" for number in range(1, 31)), "30.1"]
        assert client.largest_piece < 100_000


def test_of_a_message_that_is_finished_and_not_kept_there_is_the_reply(front: FakeFront, server: HttpServer) -> None:
    front.answer("a", "found")
    with EventClient(server.port, EVENTS) as client:
        assert [(event.name, event.data["text"]) for event in client.rest()] == [("done", "found")]


def test_whoever_has_seen_the_end_is_told_not_to_come_back(begun: FakeFront, server: HttpServer) -> None:
    _finish(begun)
    with EventClient(server.port, EVENTS) as client:
        last = client.rest()[-1].id
    with RawClient(server.port) as client:
        again = client.request("GET", EVENTS, Last_Event_ID=last)
        assert (again.status, again.body) == (204, b"")
        assert "content-length" not in again.headers
        assert client.request("GET", "/healthz").status == 200


@pytest.mark.parametrize("path", ["/messages/nobody/events", "/messages/a.b/events", "/messages//events"])
def test_a_message_that_is_not_known_is_404(client: RawClient, path: str) -> None:
    assert client.request("GET", path).status == 404


def test_a_subagent_is_asked_for_by_its_id_like_a_message(front: FakeFront, server: HttpServer) -> None:
    front.answer("a.s1", "found")
    with EventClient(server.port, "/messages/a.s1/events") as client:
        assert [event.data["id"] for event in client.rest()] == ["a.s1"]
    with RawClient(server.port) as client:
        assert client.request("GET", "/messages/a.s1").json()["text"] == "found"
        assert client.request("DELETE", "/messages/a.s1").status == 409


# On which connection


def test_a_connection_serves_another_request_after_its_stream(begun: FakeFront, server: HttpServer) -> None:
    _finish(begun)
    request = f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with RawClient(server.port) as client:
        client.send(request.encode())
        client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.response().headers["transfer-encoding"] == "chunked"
        assert b"event: done" in client.chunks()
        assert client.response().json() == {"status": "ok"}


def test_an_older_client_reads_to_the_end_of_the_connection(begun: FakeFront, server: HttpServer) -> None:
    with EventClient(server.port, EVENTS, version="1.0") as client:
        assert "Transfer-Encoding" not in client.head
        assert "Connection: close" in client.head
        client.take(2)
        _delta(begun, 1)
        assert [event.id for event in client.take(1)] == ["1.0"]
        _finish(begun)
        assert [event.name for event in client.rest()] == ["done"]


def test_a_head_request_gets_the_head_only_while_the_message_runs(begun: FakeFront, server: HttpServer) -> None:
    with RawClient(server.port) as client:
        response = client.request("HEAD", EVENTS)
        assert (response.status, response.headers["content-type"][:17]) == (200, "text/event-stream")
        assert client.request("GET", "/healthz").json() == {"status": "ok"}
        assert client.request("HEAD", "/messages/nobody/events").status == 404


def test_silence_is_broken_by_comments_and_ends_nothing(begun: FakeFront, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    limits = Limits(request_s=0.1, idle_s=0.1, write_s=5.0)
    with http_service(begun, limits=limits) as server, EventClient(server.port, EVENTS) as client:
        client.take(2)
        for _ in range(6):  # three times as long as a request or an idle connection may take
            assert client.comment() == ": nothing new"
        _delta(begun, 1)
        assert [event.id for event in client.take(1)] == ["1.0"]


# What readers cost


def test_two_readers_each_get_everything(begun: FakeFront, server: HttpServer) -> None:
    with EventClient(server.port, EVENTS) as early:
        early.take(2)
        for number in range(1, 501):
            _delta(begun, number, f"{number} ")
        with EventClient(server.port, EVENTS) as late:
            _finish(begun)
            assert early.rest() == late.rest()[2:]


def test_a_reader_that_goes_away_is_noticed_at_once(begun: FakeFront, server: HttpServer) -> None:
    with _served(server):
        pass
    wait_until_served(server)  # 10 s, less than HEARTBEAT, after which a send would fail


def test_a_reader_that_does_not_read_is_dropped_and_holds_up_nobody(begun: FakeFront) -> None:
    with (
        http_service(begun, limits=Limits(write_s=0.3)) as server,
        _served(server, receive_buffer=4096),
        EventClient(server.port, EVENTS, "Last-Event-ID: 0.2") as keen,
    ):
        for number in range(1, 201):
            _delta(begun, number, "x" * 60_000)  # 12 MB, more than the kernel takes for somebody who does not read
            assert [event.id for event in keen.take(1)] == [f"{number}.0"]
        wait_until_served(server, left=1)  # the keen one's
        _finish(begun)
        assert [event.name for event in keen.rest()] == ["done"]


def test_streams_end_when_the_server_closes(begun: FakeFront) -> None:
    with http_service(begun) as server:
        client = EventClient(server.port, EVENTS)
        client.take(2)
    with client:
        assert client.rest() == []
        assert client.at_end()


def test_a_hundred_streams_at_once_each_get_their_own(front: FakeFront, server: HttpServer) -> None:
    ids = [f"m{number}" for number in range(100)]
    for message_id in ids:
        front.accept(Message("hello", id=message_id))
        front.hub.started(message_id, 1, "persistent")
    ready = threading.Barrier(101)

    def read(message_id: str) -> list[str]:
        with EventClient(server.port, f"/messages/{message_id}/events") as client:
            client.take(2)
            ready.wait(30)
            return [event.data["text"] for event in client.rest()]

    with ThreadPoolExecutor(100) as pool:
        results = [pool.submit(read, message_id) for message_id in ids]
        ready.wait(30)
        with RawClient(server.port) as other:
            assert other.request("GET", "/healthz").status == 200
        for number in range(1, 101):
            for message_id in ids:
                _delta(front, number, f"{message_id}-{number}", message_id)
        for message_id in ids:
            _finish(front, message_id)
        for message_id, result in zip(ids, results, strict=True):
            assert result.result(60) == [*(f"{message_id}-{number}" for number in range(1, 101)), "whole"]
