"""A socket under a time budget: the budget is for all that is read, not for each piece."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator

import pytest

from openclaw.clock import SystemClock
from openclaw.http.timed_socket import LINGER_BYTES, TimedSocket
from tests.support.clock import FakeClock


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_comes_in_time_is_read(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    timed = TimedSocket(ours, FakeClock())
    timed.allow(10)
    theirs.send(b"hello")

    assert timed.read(3) == b"hel"
    assert timed.read(100) == b"lo"
    theirs.close()
    assert timed.read(100) == b""


def test_what_comes_in_drops_is_over_when_the_time_is(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    clock = FakeClock()
    timed = TimedSocket(ours, clock)
    timed.allow(10)
    for _ in range(3):
        theirs.send(b"x")
        assert timed.read(1) == b"x"
        clock.advance(3)

    theirs.send(b"x")
    clock.advance(1)
    with pytest.raises(TimeoutError):
        timed.read(1)


def test_each_read_waits_for_what_is_left_of_the_time(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends
    clock = FakeClock()
    waits = []

    def wait(_: TimedSocket, event: int, seconds: float) -> None:
        waits.append((event, seconds))
        theirs.send(b"x")

    monkeypatch.setattr(TimedSocket, "_wait", wait)
    timed = TimedSocket(ours, clock)
    timed.allow(10)
    for _ in range(3):
        assert timed.read(1) == b"x"
        clock.advance(4 if len(waits) < 3 else 0)
    assert waits == [(select.POLLIN, 10), (select.POLLIN, 6), (select.POLLIN, 2)]


def test_the_time_can_begin_anew(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    clock = FakeClock()
    timed = TimedSocket(ours, clock)
    for _ in range(3):
        timed.allow(10)
        clock.advance(9)
        theirs.send(b"x")
        assert timed.read(1) == b"x"


def test_nothing_may_be_read_before_time_is_given(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(b"x")
    with pytest.raises(TimeoutError):
        TimedSocket(ours, FakeClock()).read(1)


def test_silence_ends_with_the_time(ends: tuple[socket.socket, socket.socket]) -> None:
    timed = TimedSocket(ends[0], SystemClock())
    timed.allow(0.01)
    with pytest.raises(TimeoutError):
        timed.read(1)


def test_sending_to_who_does_not_read_ends_with_its_own_time(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    timed = TimedSocket(ours, FakeClock())

    timed.send_all(b"hello", 10)
    assert theirs.recv(5) == b"hello"
    with pytest.raises(TimeoutError):
        timed.send_all(b"x" * 10_000_000, 0.01)


def test_the_socket_stays_open_for_its_owner(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    TimedSocket(ours, FakeClock()).close()
    ours.send(b"x")
    assert theirs.recv(1) == b"x"


def test_who_is_refused_may_hear_it_before_the_rest_of_what_was_sent_is_thrown_away(
    ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    ours.send(b"refused")
    theirs.send(b"x" * 1000)
    theirs.shutdown(socket.SHUT_WR)

    TimedSocket(ours, SystemClock()).linger(10)

    assert ours.recv(1) == b""  # all was taken
    assert theirs.recv(100) == b"refused"
    assert theirs.recv(1) == b""


@pytest.mark.parametrize("sent", [0, LINGER_BYTES])
def test_that_has_bounds_in_time_and_size(ends: tuple[socket.socket, socket.socket], sent: int) -> None:
    ours, theirs = ends
    theirs.settimeout(10)
    sender = threading.Thread(target=theirs.sendall, args=(b"x" * sent,))
    sender.start()

    TimedSocket(ours, SystemClock()).linger(10 if sent else 0.01)  # returns, though the other end stays open

    sender.join(10)
    assert not sender.is_alive()
