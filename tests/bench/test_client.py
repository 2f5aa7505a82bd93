"""A crowd of callers."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from openclaw.bench.client import crowd
from openclaw.bench.figure import NotMeasured
from openclaw.clock import SystemClock


def test_a_crowd_acts_at_the_same_moment_each_on_a_thread_of_its_own() -> None:
    together = threading.Barrier(10)  # that nobody passes alone
    told: list[float] = []

    def act(let_go: float) -> None:
        together.wait(10)
        told.append(let_go)

    assert crowd(SystemClock(), [act] * 10) > 0
    assert len(told) == 10
    assert len(set(told)) == 1


def test_a_crowd_is_done_when_its_last_one_is() -> None:
    done: list[int] = []
    first_is_done = threading.Event()

    def slow(_: float) -> None:
        assert first_is_done.wait(10)
        done.append(2)

    def fast(_: float) -> None:
        done.append(1)
        first_is_done.set()

    crowd(SystemClock(), [slow, fast])
    assert done == [1, 2]


def test_a_caller_that_fails_fails_the_crowd() -> None:
    def act(number: int, _: float) -> None:
        if number == 3:
            raise NotMeasured("the third was refused")

    with pytest.raises(NotMeasured, match="the third was refused"):
        crowd(SystemClock(), [partial(act, number) for number in range(5)])
