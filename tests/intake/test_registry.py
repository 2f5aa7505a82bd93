"""How many connections there may be, and of whom."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from openclaw.intake.registry import ConnectionRegistry

NewSocket = Callable[[], socket.socket]


@pytest.fixture
def new_socket() -> Iterator[NewSocket]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.socket())


def test_there_are_no_more_than_the_limit(new_socket: NewSocket) -> None:
    registry = ConnectionRegistry(2)
    first = new_socket()
    assert registry.admit(first)
    assert registry.admit(new_socket())
    assert not registry.admit(new_socket())
    registry.leave(first)
    assert registry.admit(new_socket())


def test_a_stranger_gets_an_eighth_of_the_places(new_socket: NewSocket) -> None:
    registry = ConnectionRegistry(16)
    first = new_socket()
    assert [registry.admit(sock, 1000) for sock in (first, new_socket(), new_socket())] == [True, True, False]
    assert registry.admit(new_socket(), 1001)
    registry.leave(first)
    assert registry.admit(new_socket(), 1000)


def test_strangers_get_half_of_the_places_together(new_socket: NewSocket) -> None:
    registry = ConnectionRegistry(16)
    assert [registry.admit(new_socket(), f"the address 10.0.0.{end}") for end in range(9)] == [True] * 8 + [False]
    assert all(registry.admit(new_socket()) for _ in range(8))


def test_who_is_trusted_is_no_stranger_any_more(new_socket: NewSocket) -> None:
    registry = ConnectionRegistry(8)
    for _ in range(3):
        sock = new_socket()
        assert registry.admit(sock, 1000)
        registry.trust(sock)


def test_a_connection_is_one_from_its_beginning_to_its_end(new_socket: NewSocket) -> None:
    registry = ConnectionRegistry(8)
    sock = new_socket()
    assert registry.admit(sock)
    for _ in range(2):
        assert registry.begin_request(sock)
        assert len(registry) == 1
        assert registry.end_request(sock)
    registry.leave(sock)
    assert len(registry) == 0


class TestTheEnd:
    @pytest.fixture
    def registry(self) -> ConnectionRegistry:
        return ConnectionRegistry(8)

    @pytest.fixture
    def idle(self, registry: ConnectionRegistry) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A connection that waits for a request, both ends."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert registry.admit(ours)
            yield ours, theirs

    @pytest.fixture
    def busy(self, registry: ConnectionRegistry) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A connection whose request is being served, both ends."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert registry.admit(ours)
            assert registry.begin_request(ours)
            yield ours, theirs

    def test_idle_connections_are_cut_and_busy_ones_are_not(
        self,
        registry: ConnectionRegistry,
        idle: tuple[socket.socket, socket.socket],
        busy: tuple[socket.socket, socket.socket],
    ) -> None:
        registry.cut_idle()

        assert idle[1].recv(1) == b""
        busy[0].send(b"an answer")
        assert busy[1].recv(9) == b"an answer"

    def test_nothing_begins_any_more(
        self,
        registry: ConnectionRegistry,
        new_socket: NewSocket,
        idle: tuple[socket.socket, socket.socket],
        busy: tuple[socket.socket, socket.socket],
    ) -> None:
        registry.cut_idle()

        assert not registry.admit(new_socket())
        assert not registry.begin_request(idle[0])
        assert not registry.end_request(busy[0])

    def test_it_is_waited_for_until_all_have_left(
        self, registry: ConnectionRegistry, busy: tuple[socket.socket, socket.socket]
    ) -> None:
        assert not registry.drain(0)
        with ThreadPoolExecutor(1) as pool:
            drained = pool.submit(registry.drain, 10)
            registry.leave(busy[0])
            assert drained.result(10)

    def test_in_the_end_all_are_cut_even_where_one_has_just_been_closed(
        self,
        registry: ConnectionRegistry,
        idle: tuple[socket.socket, socket.socket],
        busy: tuple[socket.socket, socket.socket],
    ) -> None:
        idle[0].close()

        registry.cut_all()

        assert busy[1].recv(1) == b""
