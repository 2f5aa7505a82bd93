"""Calls to the engine: how many at once, and who comes first."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from openclaw.containers.docker_calls import EngineCalls, Rank

WAIT = 10


class Gate:
    """A call that begins and then waits to be let go."""

    def __init__(self, begun: queue.SimpleQueue[str], name: str) -> None:
        self._begun = begun
        self._name = name
        self._open = threading.Event()

    def __call__(self) -> None:
        self._begun.put(self._name)
        assert self._open.wait(WAIT)

    def open(self) -> None:
        self._open.set()


class Yard:
    """Calls of a pool that begin in an order to be looked at."""

    def __init__(self, size: int) -> None:
        self.calls = EngineCalls("call", size)
        self._begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._gates: list[Gate] = []

    def submit(self, rank: Rank, name: str) -> Gate:
        self._gates.append(Gate(self._begun, name))
        self.calls.submit(rank, name, self._gates[-1])
        return self._gates[-1]

    def begun(self, count: int) -> list[str]:
        """The names of the next calls that begin."""
        return [self._begun.get(timeout=WAIT) for _ in range(count)]

    def is_quiet(self) -> bool:
        """Whether no other call has begun."""
        return self._begun.empty()

    def close(self) -> None:
        for gate in self._gates:
            gate.open()
        self.calls.close(WAIT)


@pytest.fixture
def make() -> Iterator[Callable[[int], Yard]]:
    made: list[Yard] = []

    def make(size: int) -> Yard:
        made.append(Yard(size))
        return made[-1]

    yield make
    for yard in made:
        yard.close()


def test_main_comes_first_then_starts_then_ends_each_in_order(make: Callable[[int], Yard]) -> None:
    yard = make(1)
    first = yard.submit(Rank.START, "first")
    yard.begun(1)
    order = ["main", "main-too", "start", "start-too", "end", "end-too"]
    gates = [
        yard.submit(rank, name)
        for rank, name in (
            (Rank.END, "end"), (Rank.START, "start"), (Rank.MAIN, "main"),
            (Rank.END, "end-too"), (Rank.MAIN, "main-too"), (Rank.START, "start-too"),
        )
    ]  # fmt: skip
    for gate in (first, *gates):
        gate.open()

    assert yard.begun(6) == order


def test_as_many_run_as_there_may_and_the_next_when_one_is_done(make: Callable[[int], Yard]) -> None:
    yard = make(3)
    gates = [yard.submit(Rank.START, str(number)) for number in range(5)]
    assert sorted(yard.begun(3)) == ["0", "1", "2"]
    assert yard.is_quiet()

    gates[1].open()

    assert yard.begun(1) == ["3"]


def test_ends_leave_room_for_a_start(make: Callable[[int], Yard]) -> None:
    yard = make(3)
    ends = [yard.submit(Rank.END, f"end-{number}") for number in range(9)]
    yard.begun(2)

    yard.submit(Rank.START, "start").open()

    assert yard.begun(1) == ["start"]
    ends[0].open()
    assert yard.begun(1) == ["end-2"]
    assert yard.is_quiet()


def test_an_engine_that_was_overdue_gets_one_end_at_a_time_until_it_has_returned(make: Callable[[int], Yard]) -> None:
    yard = make(4)
    ends = [yard.submit(Rank.END, f"end-{number}") for number in range(9)]
    yard.begun(3)
    yard.calls.doubt()
    for end in ends[:2]:
        end.open()
    yard.submit(Rank.START, "start").open()
    assert yard.begun(1) == ["start"]
    assert yard.is_quiet()
    ends[2].open()
    assert yard.begun(1) == ["end-3"]
    assert yard.is_quiet()

    yard.calls.trust()
    ends[3].open()

    assert sorted(yard.begun(3)) == ["end-4", "end-5", "end-6"]


def test_what_does_not_finish_in_time_is_named(make: Callable[[int], Yard]) -> None:
    yard = make(1)
    running, waiting = yard.submit(Rank.START, "running"), yard.submit(Rank.END, "waiting")
    yard.begun(1)

    assert yard.calls.finish(0) == ["running", "waiting"]

    running.open()
    waiting.open()
    assert yard.calls.finish(WAIT) == []


def test_an_engine_that_is_slow_is_waited_for_as_long_once_more(make: Callable[[int], Yard]) -> None:
    yard = make(1)
    gates = [yard.submit(Rank.END, str(number)) for number in range(3)]
    yard.begun(1)
    with ThreadPoolExecutor(1) as pool:
        finished = pool.submit(yard.calls.finish, 2)
        gates[0].open()  # within the first two seconds
        yard.begun(1)
        assert finished.result(WAIT) == ["1", "2"]
        finished = pool.submit(yard.calls.finish, 2)
        gates[1].open()
        gates[2].open()
        assert finished.result(WAIT) == []


def test_a_call_that_fails_is_logged_and_costs_the_next_one_nothing(
    make: Callable[[int], Yard], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    yard = make(1)
    yard.calls.submit(Rank.START, "bad", fail)
    yard.submit(Rank.START, "good")

    assert yard.begun(1) == ["good"]
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_closed_it_ends_what_was_asked_for_and_its_threads() -> None:
    calls, done = EngineCalls("closing", 2), queue.SimpleQueue[int]()
    for number in range(20):
        calls.submit(Rank.END, str(number), partial(done.put, number))
    calls.close(WAIT)

    assert done.qsize() == 20
    assert not [thread for thread in threading.enumerate() if thread.name == "closing"]
