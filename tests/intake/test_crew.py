"""Threads that serve connections: reused while they wait, gone when nobody needs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from openclaw.intake.crew import Crew

SOON = 10.0


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew("crew")
    yield crew
    crew.close()


def run(crew: Crew) -> threading.Thread:
    """The thread that a job got; it may be on its way back to the others still."""
    ran: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    crew.serve(lambda: ran.put(threading.current_thread()))
    return ran.get(timeout=SOON)


def test_each_job_has_a_thread_while_it_runs(crew: Crew) -> None:
    together = threading.Barrier(20)
    done = threading.Semaphore(0)

    def job() -> None:
        together.wait(SOON)
        done.release()

    for _ in range(20):
        crew.serve(job)
    for _ in range(20):
        assert done.acquire(timeout=SOON)


def test_a_thread_that_waits_takes_the_next_job(crew: Crew) -> None:
    threads = {run(crew) for _ in range(200)}
    assert len(threads) < 200


def test_a_thread_that_nobody_needs_ends_and_the_next_job_gets_another() -> None:
    crew = Crew("crew", stay_s=0.01)
    first = run(crew)
    first.join(SOON)
    assert not first.is_alive()
    assert run(crew) is not first


def test_no_job_is_lost_between_a_thread_that_gives_up_and_one_that_is_handed_over() -> None:
    crew = Crew("crew", stay_s=0.0)
    done = threading.Semaphore(0)
    for _ in range(500):
        crew.serve(done.release)
    for _ in range(500):
        assert done.acquire(timeout=SOON)


def test_after_close_no_thread_waits(crew: Crew) -> None:
    thread = run(crew)
    crew.close()
    thread.join(SOON)
    assert not thread.is_alive()
