"""One POST: what counts as taken, and that nothing at the other end can hold it for long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from openclaw.delivery.post import TOTAL_TIMEOUT, Post
from openclaw.errors import CallbackFailed
from tests.support.clock import FakeClock, ManualTimers
from tests.support.receiver import Receiver, closed_port


@pytest.fixture
def alarms() -> ManualTimers:
    return ManualTimers(FakeClock())


def test_the_body_and_the_headers_arrive_as_they_are(alarms: ManualTimers) -> None:
    with Receiver() as receiver:
        Post(alarms).send(receiver.url, b'{"text": "hi"}', {"Idempotency-Key": "a"})
        posted = receiver.next()
    assert posted.body == {"text": "hi"}
    assert posted.headers["Idempotency-Key"] == "a"
    assert posted.headers["Content-Type"] == "application/json"
    assert alarms.delays() == []


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_any_status_but_2xx_is_a_failure_that_says_it(alarms: ManualTimers, status: int) -> None:
    with Receiver(status) as receiver, pytest.raises(CallbackFailed, match=f"it answered {status}"):
        Post(alarms).send(receiver.url, b"{}", {})


def test_a_redirect_is_a_failure_and_is_not_followed(alarms: ManualTimers) -> None:
    with Receiver(307) as receiver:
        with pytest.raises(CallbackFailed, match="redirects are not followed"):
            Post(alarms).send(receiver.url, b"{}", {})
        receiver.next()
        assert receiver.posted.empty()


def test_a_proxy_in_the_environment_is_not_asked(alarms: ManualTimers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with Receiver() as receiver:
        Post(alarms).send(receiver.url, b"{}", {})
        assert receiver.next().path == "/replies"


def test_nobody_there_is_a_failure_that_does_not_show_the_address(alarms: ManualTimers) -> None:
    with pytest.raises(CallbackFailed) as failure:
        Post(alarms).send(f"http://127.0.0.1:{closed_port()}/secret", b"{}", {})
    assert str(failure.value) == "no answer: Connection refused"


@pytest.mark.parametrize("url", ["http://.example/", "http://a..b/", "http://[::1/"])
def test_an_address_that_is_none_is_a_failure_like_any_other(alarms: ManualTimers, url: str) -> None:
    with pytest.raises(CallbackFailed):
        Post(alarms).send(url, b"{}", {})


def _drip(connection: socket.socket) -> None:
    """An answer that never ends, however short the pause before each of its bytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")


def _say_nothing(connection: socket.socket) -> None:
    """As a server whose TLS handshake hangs."""


@pytest.mark.parametrize(("scheme", "answer"), [("http", _drip), ("https", _say_nothing)])
@pytest.mark.parametrize("who", ["time", "close"])
def test_an_answer_that_does_not_end_is_cut(
    alarms: ManualTimers, scheme: str, answer: Callable[[socket.socket], None], who: str
) -> None:
    failed: list[str] = []
    post = Post(alarms)

    def send(url: str) -> None:
        try:
            post.send(url, b"{}", {})
        except CallbackFailed as error:
            failed.append(str(error))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=send, args=(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/",))
        thread.start()
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(65536)
            answer(connection)
            if who == "time":
                alarms.advance(TOTAL_TIMEOUT)
            else:
                post.abort()
            thread.join(5)  # less than the read timeout: it was cut
            assert not thread.is_alive()
    assert failed == ["no answer in time"]


def test_an_abort_before_the_connection_is_made_cuts_it_too(alarms: ManualTimers) -> None:
    post = Post(alarms)
    post.abort()
    with Receiver() as receiver, pytest.raises(CallbackFailed, match="no answer in time"):
        post.send(receiver.url, b"{}", {})
