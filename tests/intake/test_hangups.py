"""Who waits for somebody is woken when that one goes away, over real sockets."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from openclaw.intake.hangups import Hangups


@pytest.fixture
def epoll() -> Iterator[select.epoll]:
    with select.epoll() as epoll:
        yield epoll


@pytest.fixture
def hangups(epoll: select.epoll) -> Hangups:
    return Hangups(epoll)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def tell(hangups: Hangups, epoll: select.epoll) -> list[int]:
    """What the accept thread does: pass on what the kernel tells, which are these descriptors."""
    told = [fd for fd, _ in epoll.poll(0)]
    for fd in told:
        hangups.hung_up(fd)
    return told


def test_one_who_leaves_wakes_whoever_waits(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with hangups.watch(ours) as hangup:
        assert tell(hangups, epoll) == []
        theirs.close()
        assert tell(hangups, epoll) == [ours.fileno()]
        assert hangup.is_set()
        assert hangup.gone


def test_so_does_one_who_sends_no_more(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with hangups.watch(ours) as hangup:
        theirs.shutdown(socket.SHUT_WR)
        tell(hangups, epoll)
        assert hangup.gone


def test_one_who_had_left_before_wakes_too(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    theirs.close()
    with hangups.watch(ours) as hangup:
        tell(hangups, epoll)
        assert hangup.gone


def test_one_who_sends_something_does_not(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with hangups.watch(ours) as hangup:
        theirs.send(b"the next request")
        assert tell(hangups, epoll) == []
        assert not hangup.is_set()


def test_a_departure_is_told_once(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with hangups.watch(ours):
        theirs.close()
        assert tell(hangups, epoll) == [ours.fileno()]
        assert tell(hangups, epoll) == []


def test_after_the_wait_nothing_is_told(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    for _ in range(3):
        with hangups.watch(ours) as hangup:
            pass
    theirs.close()
    assert tell(hangups, epoll) == []
    hangups.hung_up(ours.fileno())
    assert not hangup.is_set()


def test_late_word_of_an_earlier_connection_wakes_nobody_on_the_one_that_has_its_number(
    hangups: Hangups, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = ends
    with hangups.watch(ours) as hangup:
        hangups.hung_up(ours.fileno())
        assert not hangup.is_set()


def test_who_is_woken_for_something_else_knows_that_nobody_has_left(
    hangups: Hangups, epoll: select.epoll, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    with hangups.watch(ours) as hangup:
        hangup.set()
        assert not hangup.gone
        theirs.close()
        tell(hangups, epoll)
        hangup.clear()
        assert hangup.gone


def test_when_the_server_closes_all_are_woken_now_and_from_now_on(hangups: Hangups) -> None:
    with ThreadPoolExecutor(3) as pool:
        ready = threading.Barrier(4)
        waiting = [pool.submit(_wait, hangups, ready) for _ in range(3)]
        ready.wait(10)
        hangups.release()
        assert [waiter.result(10) for waiter in waiting] == [True, True, True]
        assert _wait(hangups)


def _wait(hangups: Hangups, ready: threading.Barrier | None = None) -> bool:
    ours, theirs = socket.socketpair()
    with ours, theirs, hangups.watch(ours) as hangup:
        if ready is not None:
            ready.wait(10)
        return hangup.wait(10) and hangup.gone
