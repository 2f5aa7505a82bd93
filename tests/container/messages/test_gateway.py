"""Exchanges with the gateway: over connections that are kept, ended by a cancel, and never waited for too long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.engines.messages.connection import Connection
from agent_runner.engines.messages.failures import Cut, Gone, Stalled
from agent_runner.engines.messages.gateway import FIRST, MAX_IDLE, Gateway, Limits
from agent_runner.engines.messages.settings import Settings
from openclaw.gateway.upstream import CONNECT_S, SILENCE_S
from tests.container.model_stub import TIMEOUT, Exchange, ModelStub, begins, refuses, says, text, waits
from tests.support.clock import FakeClock


def limits(silence: float = TIMEOUT, seconds: float = TIMEOUT) -> Limits:
    return Limits(time.monotonic() + seconds, silence)


def post(gateway: Gateway, cancel: Cancel | None = None, within: Limits | None = None, body: bytes = b"{}") -> bytes:
    """The whole body of the response."""
    with gateway.exchange(body, "turn", cancel or Cancel(), within or limits()) as exchange:
        whole = b""
        while piece := exchange.read():
            whole += piece
        return whole


@pytest.fixture
def gateway(model: ModelStub) -> Gateway:
    return Gateway(str(model.path))


@contextmanager
def listener(path: Path) -> Iterator[socket.socket]:
    """Whoever connects waits until the test accepts him."""
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen(1)
        yield listening


def test_a_request_says_for_which_turn_it_is_and_bears_no_key(model: ModelStub, gateway: Gateway) -> None:
    model.will(says("hi"))

    assert b"hi" in post(gateway)
    request = model.next_request()
    assert request.path == "/v1/messages"
    assert request.headers["x-openclaw-turn"] == "turn"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert not {"x-api-key", "authorization"} & request.headers.keys()


def test_a_connection_is_used_again(model: ModelStub, gateway: Gateway) -> None:
    model.will(says("one"), refuses(529), says("two"))

    for _ in range(3):
        post(gateway)

    assert [request.connection for request in model.asked()] == [1, 1, 1]


def test_the_rest_of_a_response_that_is_not_needed_is_not_waited_for(model: ModelStub, gateway: Gateway) -> None:
    held = threading.Event()

    def without_its_end(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(begins())
        assert held.wait(TIMEOUT)

    model.will(without_its_end, says("two"))
    with gateway.exchange(b"{}", "turn", Cancel(), limits()) as exchange:
        assert exchange.read()
    post(gateway)  # on another connection: the first one's response has not ended
    held.set()
    assert [request.connection for request in model.asked()] == [1, 2]


def test_a_connection_that_the_gateway_has_closed_is_noticed(model: ModelStub, gateway: Gateway) -> None:
    def then_closes(exchange: Exchange) -> None:
        says("one")(exchange)
        exchange.hang_up()

    model.will(then_closes, says("two"))
    post(gateway)
    assert b"two" in post(gateway)


def test_a_gateway_that_closes_a_kept_connection_over_a_request_gets_it_again(tmp_path: Path) -> None:
    with ModelStub(tmp_path / "s", says("one"), Exchange.hang_up, says("two")) as model:
        gateway = Gateway(str(model.path))
        post(gateway)

        assert b"two" in post(gateway)
        assert [request.connection for request in model.asked()] == [1, 1, 2]


def test_a_new_connection_that_ends_over_a_request_fails_the_call(model: ModelStub, gateway: Gateway) -> None:
    model.will(Exchange.hang_up)

    with pytest.raises(Cut):
        post(gateway)


def test_a_hundred_exchanges_go_on_side_by_side(model: ModelStub, gateway: Gateway) -> None:
    together = threading.Barrier(100)

    def at_the_same_time(exchange: Exchange) -> None:
        together.wait(TIMEOUT)
        says("hi")(exchange)

    model.will(*[at_the_same_time] * 100, *[says("hi")] * 100)
    with ThreadPoolExecutor(100) as pool:
        assert all(b"hi" in body for body in pool.map(lambda _: post(gateway), range(100)))
    model.asked()
    for _ in range(100):
        post(gateway)
    assert len({request.connection for request in model.asked()}) <= MAX_IDLE


def test_a_path_that_is_too_long_for_an_address_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    short = tmp_path / "short"
    short.symlink_to(folder)
    with ModelStub(short / "s", says("hi")):
        assert b"hi" in post(Gateway(str(folder / "s")))


@pytest.mark.parametrize("there", [False, True])
def test_nobody_at_the_socket_is_said(tmp_path: Path, there: bool) -> None:
    if there:
        with listener(tmp_path / "s"):
            pass
    gateway = Gateway(str(tmp_path / "s"))

    assert not gateway.is_there()
    with pytest.raises(Gone, match="see `openclaw status`"):
        post(gateway)


def test_a_gateway_that_lets_nobody_in_is_not_waited_for(tmp_path: Path) -> None:
    with listener(tmp_path / "s"):
        gateway = Gateway(str(tmp_path / "s"))
        held = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for one in held:
            one.connect(str(tmp_path / "s"))
        with pytest.raises(Gone):
            post(gateway, within=limits(seconds=0.05))
        for one in held:
            one.close()


def test_a_gateway_that_takes_no_request_is_given_up(tmp_path: Path) -> None:
    with listener(tmp_path / "s"), pytest.raises(Stalled, match="does not take the request"):
        post(Gateway(str(tmp_path / "s")), within=limits(seconds=0.05), body=b"x" * 10_000_000)


@pytest.mark.parametrize("within", [limits(silence=0.05), limits(seconds=0.05)], ids=["silence", "deadline"])
def test_a_model_that_says_nothing_is_given_up(tmp_path: Path, within: Limits) -> None:
    with listener(tmp_path / "s"), pytest.raises(Stalled, match="says nothing"):
        post(Gateway(str(tmp_path / "s")), within=within)


def test_a_refusal_that_comes_before_the_request_was_read_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listener(path) as listening, ThreadPoolExecutor(1) as pool:

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlong")

        refused = pool.submit(refuse)
        with Gateway(str(path)).exchange(b"x" * 10_000_000, "turn", Cancel(), limits()) as exchange:
            assert exchange.head.status == 413
            assert exchange.read() == b"long"
        refused.result(TIMEOUT)


def test_the_first_byte_may_take_longer_than_the_others(tmp_path: Path) -> None:
    """A local model reads a long prompt without a word."""
    clock = FakeClock()
    waits: list[float] = []

    class Listening(Connection):
        def _wait_at_most(self, until: float) -> None:
            waits.append(until - clock.monotonic())
            super()._wait_at_most(until)

    go_on = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.head()
        go_on.wait(TIMEOUT)
        exchange.send(begins())
        exchange.end()

    with ModelStub(tmp_path / "s", script) as model:
        gateway = Gateway(str(model.path), clock.monotonic)
        gateway._connect = lambda until: Listening(gateway._path, until, clock.monotonic)  # type: ignore[method-assign]
        with gateway.exchange(b"{}", "turn", Cancel(), Limits(clock.monotonic() + 600, 120.0)) as exchange:
            assert waits[2:]  # after those of connecting and sending
            assert set(waits[2:]) == {330.0}
            waits.clear()
            go_on.set()
            while exchange.read():
                pass
    assert set(waits) == {120.0}


# Cancelling


def test_a_cancel_ends_the_wait_for_the_first_byte(model: ModelStub, gateway: Gateway) -> None:
    cancel, never = Cancel(), threading.Event()
    model.will(waits(never, says("late")))
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(post, gateway, cancel)
        model.next_request()
        cancel.set()
        with pytest.raises(TurnCancelled):
            posted.result(1)
    never.set()


def test_a_cancel_ends_the_wait_for_the_rest(model: ModelStub, gateway: Gateway) -> None:
    cancel, never = Cancel(), threading.Event()

    def halts(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(begins(), *text(0, "Hel")[:2])
        never.wait(TIMEOUT)

    model.will(halts)
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(post, gateway, cancel)
        model.next_request()
        cancel.set()
        with pytest.raises(TurnCancelled):
            posted.result(1)
    never.set()


def test_a_turn_that_is_cancelled_already_asks_nothing(model: ModelStub, gateway: Gateway) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(TurnCancelled):
        post(gateway, cancel)
    assert model.asked() == []


def test_a_cancel_that_comes_late_harms_nobody_who_has_the_connection_now(model: ModelStub, gateway: Gateway) -> None:
    cancel, go_on = Cancel(), threading.Event()
    model.will(says("one"), waits(go_on, says("two")))
    post(gateway, cancel)
    with ThreadPoolExecutor(1) as pool:
        model.next_request()
        posted = pool.submit(post, gateway)
        assert model.next_request().connection == 1
        cancel.set()
        go_on.set()
        assert b"two" in posted.result(TIMEOUT)


def test_the_gateways_word_that_the_model_is_silent_comes_before_the_runner_gives_up() -> None:
    """It begins to wait later, once it is connected, and tells what is to be done."""
    assert FIRST * Settings().silence > SILENCE_S + CONNECT_S
