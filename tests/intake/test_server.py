"""The server as a whole: who gets a place, that nobody costs another anything, and how it ends with nothing left."""

from __future__ import annotations

import gc
import logging
import os
import queue
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import pytest

from openclaw.clock import SystemClock
from openclaw.intake import server as server_module
from openclaw.intake.access import Access
from openclaw.intake.api import Api
from openclaw.intake.connection import Limits
from openclaw.intake.listener import Listener
from openclaw.intake.server import MAX_CONNECTIONS, HttpServer, connections_within
from tests.support.front import FakeFront
from tests.support.http_service import http_service, start_server, wait_until_served
from tests.support.raw_http import RawClient
from tests.support.stranger import AS_ROOT, Stranger


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No test here leaves a thread or a descriptor behind."""
    gc.collect()
    threads, files = set(threading.enumerate()), _open_files()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
    gc.collect()
    assert set(threading.enumerate()) <= threads
    assert _open_files() == files


@pytest.fixture
def warnings() -> Iterator[queue.Queue[str]]:
    """What the server warns of, for a test to wait on."""
    told: queue.Queue[str] = queue.Queue()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.put(record.getMessage())  # type: ignore[method-assign]
    server_module.log.addHandler(handler)
    with closing(handler):
        yield told
    server_module.log.removeHandler(handler)


def is_served(server: HttpServer) -> bool:
    with RawClient(server.port) as client:
        return client.request("GET", "/healthz").status == 200


class TestPlaces:
    def test_one_caller_too_many_is_told_so(self, front: FakeFront) -> None:
        with http_service(front, max_connections=1) as server, RawClient(server.port) as first:
            assert first.request("GET", "/healthz").status == 200
            with RawClient(server.port) as second:
                refused = second.request("GET", "/healthz")
                assert second.at_end()
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert "close those that you no longer need and try again" in refused.json()["detail"]
            assert first.request("GET", "/healthz").status == 200

    def test_a_place_that_is_given_back_is_the_next_ones(self, front: FakeFront) -> None:
        with http_service(front, max_connections=1) as server:
            for _ in range(3):
                assert is_served(server)
                wait_until_served(server)
            assert server.open_connections == 0

    def test_so_is_one_of_a_caller_who_was_cut_off(self, front: FakeFront) -> None:
        limits = Limits(idle_s=0.01)
        with http_service(front, max_connections=1, limits=limits) as server, RawClient(server.port) as silent:
            assert silent.at_end()
            wait_until_served(server)
            assert is_served(server)

    def test_a_crowd_is_logged_once_until_it_has_gone(self, front: FakeFront, warnings: queue.Queue[str]) -> None:
        with http_service(front, max_connections=1) as server:
            for _ in range(2):
                with RawClient(server.port) as first:
                    first.request("GET", "/healthz")
                    assert [is_served(server) for _ in range(3)] == [False, False, False]
                assert "all connections are in use, 1 in all" in warnings.get(timeout=10)
                assert warnings.empty()
                wait_until_served(server)

    @pytest.mark.parametrize(("open_files", "connections"), [(256, 128), (1024, 512), (65_536, MAX_CONNECTIONS)])
    def test_half_of_the_descriptors_are_kept_for_the_rest_of_the_service(
        self, open_files: int, connections: int
    ) -> None:
        assert connections_within(open_files) == connections

    def test_a_thousand_callers_are_served_at_once(self, front: FakeFront) -> None:
        ids = [f"message-{number}" for number in range(1000)]
        with _open_files_limit(4096), http_service(front) as server, ExitStack() as stack:
            clients = [stack.enter_context(RawClient(server.port)) for _ in ids]
            for message_id, client in zip(ids, clients, strict=True):
                client.ask("POST", "/messages?wait=60", b'{"text": "hi", "id": "%s"}' % message_id.encode())
            assert all(front.begun_waits.acquire(timeout=30) for _ in ids)
            assert server.open_connections == 1000
            for message_id in ids:
                front.answer(message_id, f"to {message_id}")
            assert [client.response().json()["text"] for client in clients] == [f"to {one}" for one in ids]


class TestStrangers:
    @AS_ROOT
    def test_another_user_of_the_machine_takes_no_place(self, front: FakeFront) -> None:
        with http_service(front) as server, Stranger(server.port, 5), RawClient(server.port) as owner:
            assert owner.request("GET", "/healthz").status == 200  # after all the others, who stood in the same line
            assert server.open_connections == 1

    @AS_ROOT
    def test_another_user_of_the_machine_is_told_who_may_call(self, server: HttpServer) -> None:
        with Stranger(server.port, 1, token="a guess") as stranger:
            assert stranger.statuses == [403]

    @AS_ROOT
    def test_whoever_does_not_show_the_token_leaves_places_for_those_who_do(self, front: FakeFront) -> None:
        with http_service(front, token="secret", max_connections=16) as server, Stranger(server.port, 20):
            with Stranger(server.port, 3, uid=65533, token="secret") as bearer:
                assert bearer.statuses == [200, 200, 200]  # more than two were too many for a stranger
            with RawClient(server.port) as owner:
                assert owner.request("GET", "/healthz").status == 200

    def test_who_has_left_before_the_kernel_is_asked_is_a_stranger(self, front: FakeFront) -> None:
        server = HttpServer("127.0.0.1", 0, Api(front), Access((), ""), SystemClock())
        server.bind()
        with RawClient(server.port) as hasty:
            hasty.ask("POST", "/messages", b'{"text": "hi"}')
        server.start()
        assert is_served(server)  # who comes later is accepted later
        server.close(grace_s=60)
        assert front.accepted == []


class TestMisfortune:
    @pytest.fixture(autouse=True)
    def no_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_module, "_ACCEPT_PAUSE_S", 0.01)

    def test_nobodys_misbehaviour_costs_others_anything(self, front: FakeFront) -> None:
        front.answer("large", "x" * 10_000_000)
        beginnings = [
            b"",
            b"GET /healthz HT",
            b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000,
            b"GET /messages/large HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"nonsense\r\n" * 1000,
            b"\x16\x03\x01\x02\x00",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500,
        ]
        with http_service(front) as server, ExitStack() as stack:
            for number, data in enumerate(beginnings * 10):
                client = stack.enter_context(RawClient(server.port))
                client.send(data)
                if number % 3 == 0:
                    client.reset()
            assert all(is_served(server) for _ in range(50))

    def test_where_no_file_can_be_opened_a_caller_waits(self, server: HttpServer, warnings: queue.Queue[str]) -> None:
        with ExitStack() as stack:
            with _one_more_open_file():
                client = stack.enter_context(RawClient(server.port))
                client.ask("GET", "/healthz")
                assert "raise the limit of open files (ulimit -n)" in warnings.get(timeout=10)
            assert client.response().status == 200

    def test_where_no_thread_can_be_started_a_caller_is_turned_away_and_takes_no_place(
        self, front: FakeFront, warnings: queue.Queue[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_thread(listener: Listener, request: object, caller: object) -> None:
            raise RuntimeError("can't start new thread")

        with http_service(front, max_connections=1) as server:
            with monkeypatch.context() as patched:
                patched.setattr(Listener, "process_request", no_thread)
                assert not is_served(server)
            assert "can't start new thread; raise the limit of processes" in warnings.get(timeout=10)
            assert is_served(server)

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            (ZeroDivisionError(), ["the HTTP server could not accept a connection"]),
            (ConnectionAbortedError(), []),  # the caller has gone again: no fault at all
        ],
    )
    def test_a_fault_does_not_make_the_service_deaf(
        self,
        server: HttpServer,
        warnings: queue.Queue[str],
        monkeypatch: pytest.MonkeyPatch,
        fault: Exception,
        told: list[str],
    ) -> None:
        faults = iter([fault])
        accept = Listener.get_request

        def fail_once(listener: Listener) -> tuple[socket.socket, object]:
            for one in faults:
                raise one
            return accept(listener)

        monkeypatch.setattr(Listener, "get_request", fail_once)

        assert is_served(server)
        assert list(warnings.queue) == told

    def test_a_fault_within_an_answer_ends_its_connection_alone(
        self, server: HttpServer, front: FakeFront, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken:
            ended = False

            def next(self, wake: threading.Event, timeout: float) -> list[object]:
                raise ZeroDivisionError

        monkeypatch.setattr(front, "events", lambda message_id, after: Broken())
        with RawClient(server.port) as client:
            client.ask("GET", "/messages/m1/events")
            assert client.response().status == 200
            assert client.rest() == b""  # not even the last chunk: what was told is not all
        assert "a connection from Address(host='127.0.0.1'" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert is_served(server)

STOPPING = "the service is stopping; the message is kept and answered after the next start"


class TestTheEnd:
    @pytest.fixture(autouse=True)
    def few_last_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_module, "_LAST_WORDS_S", 0.05)

    def test_idle_connections_end_and_nobody_gets_in(self, front: FakeFront) -> None:
        server = start_server(front)
        with RawClient(server.port) as silent, RawClient(server.port) as client:
            client.request("GET", "/healthz")
            server.close(grace_s=60)
            assert silent.rest() == b""
            assert client.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                RawClient(server.port)
        assert server.open_connections == 0

    @pytest.mark.parametrize("follows", [False, True])
    def test_what_is_in_flight_may_end_and_nothing_more_begins(
        self, front: FakeFront, monkeypatch: pytest.MonkeyPatch, follows: bool
    ) -> None:
        monkeypatch.setattr(server_module, "_LAST_WORDS_S", 0)
        server = start_server(front)
        with RawClient(server.port) as idle, RawClient(server.port) as client, ThreadPoolExecutor(1) as pool:
            idle.request("GET", "/healthz")
            client.ask("POST", "/messages?wait=60", b'{"text": "one"}')
            if follows:
                client.ask("POST", "/messages", b'{"text": "two"}')
            assert front.begun_waits.acquire(timeout=10)
            closed = pool.submit(server.close, 60)
            assert idle.at_end()  # it has begun to close
            front.answer("m1", "hello")
            assert client.response().json()["text"] == "hello"
            assert client.at_end()
            closed.result(10)
        assert [message.text for message in front.accepted] == ["one"]

    def test_who_waits_longer_than_that_is_told_where_the_message_stands(self, front: FakeFront) -> None:
        server = start_server(front)
        with RawClient(server.port) as client:
            client.ask("POST", "/messages?wait=60", b'{"text": "one"}')
            assert front.begun_waits.acquire(timeout=10)
            server.close(grace_s=0.01)
            assert client.response().json() == {**(front.progress("m1") or {}), "detail": STOPPING}
            assert client.at_end()

    def test_so_is_at_once_who_waits_for_what_is_not_answered_any_more(self, front: FakeFront) -> None:
        server = start_server(front)
        with RawClient(server.port) as sender, RawClient(server.port) as asker:
            sender.ask("POST", "/messages?wait=60", b'{"text": "one"}')
            assert front.begun_waits.acquire(timeout=10)
            asker.ask("GET", "/messages/m1?wait=60")
            assert front.begun_waits.acquire(timeout=10)
            server.release()
            assert sender.response().json() == {**(front.progress("m1") or {}), "detail": STOPPING}
            assert asker.response().json()["detail"] == STOPPING
            server.close(grace_s=60)

    def test_a_request_that_does_not_come_to_its_end_is_cut(self, front: FakeFront, warnings: queue.Queue[str]) -> None:
        server = start_server(front)
        with RawClient(server.port) as client:
            client.send(
                b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
            )
            assert client.response().status == 100
            server.close(grace_s=0)
            assert client.rest() == b""
        assert warnings.get(timeout=10) == "1 HTTP requests did not end in time and are cut"
        assert front.accepted == []

    def test_so_is_one_whose_handler_hangs_and_nobody_waits_for_it(
        self, front: FakeFront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, end = threading.Event(), threading.Event()

        def hang() -> dict[str, object]:
            begun.set()
            assert end.wait(10)
            return {}

        monkeypatch.setattr(front, "status", hang)
        server = start_server(front)
        with RawClient(server.port) as client:
            client.ask("GET", "/status")
            assert begun.wait(10)
            server.close(grace_s=0)
            assert client.rest() == b""
            end.set()
            wait_until_served(server)

    def test_a_server_that_was_never_started_ends_too(self, front: FakeFront) -> None:
        server = HttpServer("127.0.0.1", 0, Api(front), Access((), ""), SystemClock())
        server.bind()
        with RawClient(server.port) as client:
            server.close(grace_s=0)
            assert client.at_end()

    def test_its_port_is_free_at_once(self, front: FakeFront) -> None:
        with http_service(front) as first:
            assert is_served(first)
        with http_service(front, port=first.port) as second:
            assert is_served(second)


def _open_files() -> dict[str, str]:
    """Which descriptor of this process is what."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # it was the one of this look
    return found


@contextmanager
def _open_files_limit(number: int) -> Iterator[None]:
    """At least so many files may be open; skips where that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < number:
        pytest.skip(f"{number} open files are not allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def _one_more_open_file() -> Iterator[None]:
    """This process may open one more file, and no second one."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as lowest:
        next_number = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_number + 1, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
