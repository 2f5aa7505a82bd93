"""The tick: its steps one after another, again and again, whatever one of them raises."""

from __future__ import annotations

import queue
import threading
from contextlib import closing

import pytest

from openclaw.service.tick import Tick

WAIT = 20.0


def test_the_steps_come_one_after_another_and_again() -> None:
    taken: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()

    def step(name: str) -> None:
        taken.put((name, threading.get_ident()))

    with closing(Tick(0.001, [lambda: step("first"), lambda: step("second")])) as tick:
        tick.start()
        seen = [taken.get(timeout=WAIT) for _ in range(4)]

    assert [name for name, _ in seen] == ["first", "second", "first", "second"]
    assert len({thread for _, thread in seen}) == 1


def test_a_step_that_raises_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    taken = threading.Semaphore(0)

    def fail() -> None:
        raise ZeroDivisionError

    with closing(Tick(0.001, [fail, taken.release])) as tick:
        tick.start()
        assert taken.acquire(timeout=WAIT)
        assert taken.acquire(timeout=WAIT)

    assert "ZeroDivisionError" in caplog.text


def test_closed_it_takes_no_further_step() -> None:
    taken = threading.Event()
    begun = threading.Event()
    go_on = threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(WAIT)

    tick = Tick(0.001, [hold, taken.set])
    tick.start()
    assert begun.wait(WAIT)
    closing_it = threading.Thread(target=tick.close)
    closing_it.start()
    tick.closed.wait(WAIT)
    go_on.set()
    closing_it.join(WAIT)

    assert not taken.is_set()


def test_one_that_was_never_started_can_be_closed() -> None:
    Tick(30.0, []).close()
