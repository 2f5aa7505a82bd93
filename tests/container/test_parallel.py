"""Jobs side by side: each has its outcome, in order, however many there are and whatever becomes of one."""

from __future__ import annotations

import threading

import pytest

from agent_runner.engines.parallel import AT_ONCE, run_all

TIMEOUT = 10.0


def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    second_is_done = threading.Event()

    def first() -> str:
        assert second_is_done.wait(TIMEOUT)
        return "first"

    def second() -> str:
        second_is_done.set()
        return "second"

    assert run_all([first, second]) == ["first", "second"]


def test_as_many_run_at_once_as_are_allowed() -> None:
    all_there = threading.Barrier(AT_ONCE, timeout=TIMEOUT)

    outcomes = run_all([all_there.wait] * AT_ONCE * 3)

    assert len(outcomes) == AT_ONCE * 3
    assert not any(isinstance(outcome, Exception) for outcome in outcomes)


def test_a_job_that_fails_is_one_of_the_outcomes() -> None:
    outcomes = run_all([lambda: 1 // 0, lambda: 7])

    assert isinstance(outcomes[0], ZeroDivisionError)
    assert outcomes[1] == 7


def test_no_jobs_have_no_outcomes() -> None:
    assert run_all([]) == []


def test_without_a_further_thread_the_caller_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)

    assert run_all([threading.get_ident] * 3) == [threading.get_ident()] * 3
