"""Callers that wait for a reply: none waits for one that is there, none misses one, none leaves anything behind."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from openclaw.delivery.waiters import Waiters

LONG = 30.0
REPLY = {"id": "a", "text": "hi"}


class Disk:
    """The replies that are stored, and who looks for one: `looked` is released by each look."""

    def __init__(self) -> None:
        self.replies: dict[str, dict[str, Any]] = {}
        self.looked = threading.Semaphore(0)

    def reply(self, message_id: str) -> dict[str, Any] | None:
        found = self.replies.get(message_id)
        self.looked.release()
        return found


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def waiters(disk: Disk) -> Waiters:
    return Waiters(disk.reply)


def _begin(
    pool: ThreadPoolExecutor, waiters: Waiters, disk: Disk, message_id: str = "a", wake: threading.Event | None = None
) -> Future[dict[str, Any] | None]:
    """Have a caller wait; returns once it has found no reply on the disk."""
    waiting = pool.submit(waiters.wait, message_id, LONG, wake or threading.Event())
    assert disk.looked.acquire(timeout=10)
    return waiting


def test_a_reply_that_is_there_already_is_had_at_once(waiters: Waiters, disk: Disk) -> None:
    disk.replies["a"] = REPLY
    assert waiters.wait("a", LONG, threading.Event()) == REPLY


def test_a_reply_that_comes_while_one_waits(waiters: Waiters, disk: Disk) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = _begin(pool, waiters, disk)
        waiters.tell("a", REPLY)
        assert waiting.result(10) == REPLY


def test_a_reply_that_comes_while_one_looks_for_it_is_not_missed() -> None:
    def look(message_id: str) -> None:
        waiting.tell(message_id, REPLY)  # just after the look at the disk, and before the wait

    waiting = Waiters(look)
    assert waiting.wait("a", LONG, threading.Event()) == REPLY


def test_without_a_reply_one_waits_no_longer_than_asked(waiters: Waiters) -> None:
    assert waiters.wait("a", 0.0, threading.Event()) is None


def test_a_caller_that_goes_away_is_woken_without_a_reply(waiters: Waiters, disk: Disk) -> None:
    hung_up = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = _begin(pool, waiters, disk, wake=hung_up)
        hung_up.set()
        assert waiting.result(10) is None


def test_everybody_who_waits_for_a_reply_gets_it_and_nobody_else(waiters: Waiters, disk: Disk) -> None:
    other = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        both = [_begin(pool, waiters, disk) for _ in range(2)]
        another = _begin(pool, waiters, disk, "b", other)
        waiters.tell("a", REPLY)
        assert [waiting.result(10) for waiting in both] == [REPLY, REPLY]
        assert not another.done()
        other.set()
        assert another.result(10) is None


def test_one_that_gives_up_does_not_take_the_reply_from_the_other(waiters: Waiters, disk: Disk) -> None:
    hung_up = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        one, other = _begin(pool, waiters, disk, wake=hung_up), _begin(pool, waiters, disk)
        hung_up.set()
        assert one.result(10) is None
        waiters.tell("a", REPLY)
        assert other.result(10) == REPLY


def test_a_reply_for_which_nobody_waits_is_told_to_nobody(waiters: Waiters) -> None:
    waiters.tell("a", REPLY)
    assert waiters.wait("a", 0.0, threading.Event()) is None  # it is on the disk or nowhere


class _Id(str):
    """An id that tells when nobody keeps it any more."""


@pytest.mark.parametrize("reply", [None, REPLY], ids=["given up", "answered"])
def test_one_that_has_waited_leaves_nothing_behind(waiters: Waiters, disk: Disk, reply: dict[str, Any] | None) -> None:
    message_id, wake = _Id("a"), threading.Event()
    kept: list[weakref.ref[Any]] = [weakref.ref(message_id), weakref.ref(wake)]
    if reply is not None:
        disk.replies["a"] = reply
    assert waiters.wait(message_id, 0.0, wake) == reply
    del message_id, wake
    gc.collect()
    assert [ref() for ref in kept] == [None, None]


def test_one_whose_look_at_the_disk_fails_leaves_nothing_behind_either() -> None:
    def look(_: str) -> None:
        raise OSError("the disk is gone")

    waiting = Waiters(look)
    wake = threading.Event()
    kept = weakref.ref(wake)
    with pytest.raises(OSError, match="the disk is gone"):
        waiting.wait("a", LONG, wake)
    del wake
    gc.collect()
    assert kept() is None
