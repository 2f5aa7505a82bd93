"""A crowd of callers."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial

import pytest

from openclaw.bench.bench import Bench
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


def test_events_come_by_their_names_to_the_end_and_the_connection_is_free_again(bench: Bench) -> None:
    with bench.service() as service, closing(service.client()) as client:
        events = list(client.events("hello"))
        names = [name for name, _ in events]
        assert names[-2:] == ["started", "done"]
        assert events[-1][1]["status"] == "done"
        assert client.ask("hello")["status"] == "done"


def test_a_stream_that_is_refused_is_no_measurement(bench: Bench) -> None:
    with (
        bench.service() as service,
        closing(service.client()) as client,
        pytest.raises(NotMeasured, match="is empty"),
    ):
        list(client.events(""))


def test_a_message_is_cancelled(bench: Bench) -> None:
    with bench.service({"OFFLINE_LATENCY": "3600000"}) as service, closing(service.client()) as client:
        message_id = client.send("hello")
        client.cancel(message_id)
        assert client.get(f"/messages/{message_id}?wait=30")["status"] == "cancelled"
