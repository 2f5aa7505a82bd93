"""Timers: what is due is called, what was cancelled is not, and memory stays bounded."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing

import pytest

from openclaw.clock import COMPACT_AT, SystemClock, Timers


@pytest.fixture
def timers() -> Iterator[Timers]:
    timers = Timers(SystemClock())
    timers.start()
    with closing(timers):
        yield timers


def test_calls_come_in_the_order_in_which_they_are_due(timers: Timers) -> None:
    called: queue.Queue[str] = queue.Queue()
    timers.call_later(0.05, lambda: called.put("second"))
    timers.call_later(0.0, lambda: called.put("first"))
    assert [called.get(timeout=10), called.get(timeout=10)] == ["first", "second"]


def test_a_cancelled_call_never_comes(timers: Timers) -> None:
    called: queue.Queue[str] = queue.Queue()
    timers.call_later(0.01, lambda: called.put("cancelled")).cancel()
    timers.call_later(0.02, lambda: called.put("kept"))
    assert called.get(timeout=10) == "kept"
    assert called.empty()


def test_a_callback_that_fails_does_not_end_the_others(timers: Timers) -> None:
    called: queue.Queue[str] = queue.Queue()

    def fail() -> None:
        raise ValueError("on purpose")

    timers.call_later(0.0, fail)
    timers.call_later(0.0, lambda: called.put("next"))
    assert called.get(timeout=10) == "next"


def test_cancelled_timers_are_thrown_out_long_before_they_are_due(timers: Timers) -> None:
    for _ in range(5 * COMPACT_AT):
        timers.call_later(3600, lambda: None).cancel()
    assert len(timers._heap) <= COMPACT_AT + 1
