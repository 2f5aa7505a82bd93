"""Calls that are cut: whatever the thread waits for on its connection, it comes back at once."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from openclaw.http.cut import Cut, cause
from openclaw.http.session import BROKEN, BareSession
from tests.support.receiver import Receiver, closed_port


@contextmanager
def listening() -> Iterator[tuple[str, Callable[[], socket.socket]]]:
    """The address of a server by hand, and what accepts the next connection and reads what was sent on it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def accept() -> socket.socket:
            connection, _ = server.accept()
            connection.settimeout(10)
            assert connection.recv(65536)
            return connection

        yield f"127.0.0.1:{server.getsockname()[1]}/", accept


class Call:
    """A GET on a thread of its own, its body read piece by piece."""

    def __init__(self, session: BareSession, url: str) -> None:
        self.cut = Cut()
        self.pieces: queue.Queue[bytes] = queue.Queue()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(session, url))
        self.thread.start()

    def _run(self, session: BareSession, url: str) -> None:
        try:
            with self.cut.over(), session.get(url, stream=True, timeout=60) as response:
                while piece := response.raw.read1(100):
                    self.pieces.put(piece)
        except (requests.RequestException, BROKEN, OSError) as error:
            self.error = error

    def ends(self) -> None:
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def session() -> Iterator[BareSession]:
    with BareSession() as session:
        yield session


@pytest.mark.parametrize("scheme", ["http", "https"])  # by https: in the middle of the handshake
def test_one_that_waits_for_an_answer_ends(session: BareSession, scheme: str) -> None:
    with listening() as (address, accept):
        call = Call(session, f"{scheme}://{address}")
        with accept() as connection:
            call.cut.now()
            call.ends()
            assert connection.recv(100) == b""
    assert call.error is not None
    assert call.cut.done


def test_one_that_reads_an_answer_ends(session: BareSession) -> None:
    with listening() as (address, accept):
        call = Call(session, f"http://{address}")
        with accept() as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            assert call.pieces.get(timeout=10) == b"hello"
            call.cut.now()
            call.ends()
    assert call.error is not None


def test_one_on_a_connection_that_was_used_before_ends_too(session: BareSession) -> None:
    with listening() as (address, accept):
        first = Call(session, f"http://{address}")
        with accept() as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            first.ends()
            second = Call(session, f"http://{address}")
            assert connection.recv(65536)  # on the same one
            second.cut.now()
            second.ends()
    assert first.error is None
    assert second.error is not None


def test_a_cut_before_the_connection_is_made_cuts_it_too(session: BareSession) -> None:
    cut = Cut()
    cut.now()
    with Receiver() as receiver, cut.over(), pytest.raises(requests.ConnectionError):
        session.post(receiver.url, json={}, timeout=10)


def test_a_cut_afterwards_or_again_does_nothing(session: BareSession) -> None:
    cut = Cut()
    with Receiver() as receiver:
        with cut.over():
            assert session.post(receiver.url, json={}, timeout=10).status_code == 204
        cut.now()
        cut.now()
        assert session.post(receiver.url, json={}, timeout=10).status_code == 204


def test_a_cut_does_not_reach_a_connection_that_the_pool_may_give_to_the_next_call(session: BareSession) -> None:
    cut = Cut()
    with listening() as (address, accept):

        def serve() -> None:
            with accept() as connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                assert connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=serve)
        thread.start()
        with cut.over():
            assert session.get(f"http://{address}", timeout=10).content == b"hello"
            cut.now()  # before the thread has got so far as to say that it is done
        assert session.get(f"http://{address}", timeout=10).content == b"hello"  # on the same one: there is no other
        thread.join(10)


def test_only_the_calls_of_its_own_thread_are_cut(session: BareSession) -> None:
    with listening() as (address, accept):
        one, other = Call(session, f"http://{address}"), Call(session, f"http://{address}")
        with accept() as first, accept() as second:
            one.cut.now()
            one.ends()
            for connection in (first, second):
                with connection:
                    try:
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                    except OSError:
                        continue  # the one that was cut
            other.ends()
    assert other.error is None
    assert other.pieces.get_nowait() == b"hello"


def test_a_reason_does_not_show_the_address() -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get(f"http://127.0.0.1:{closed_port()}/secret", timeout=10)
    assert cause(caught.value) == "Connection refused"
