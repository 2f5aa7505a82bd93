"""Recovery is tried until it is through: whatever went wrong is said, and tried again after a pause that grows."""

from __future__ import annotations

import queue
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from openclaw.config import load
from openclaw.errors import EngineUnavailable
from openclaw.service import Service, recovery_tries, runtime_choice
from openclaw.service.recovery_tries import ENGINE_AWAY, ENGINE_PAUSE, FIRST_PAUSE, LONGEST_PAUSE, RecoveryTries
from tests.support.clock import FakeClock, ManualTimers
from tests.support.no_threads import no_thread
from tests.support.runtime import HandRuntime


class Recoveries:
    """Recoveries that end as the test says, one after another; those it says nothing of succeed."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = deque(errors)
        self.threads: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __call__(self) -> None:
        self.threads.put(threading.current_thread().name)
        if self._errors:
            raise self._errors.popleft()


@pytest.fixture
def alarms() -> ManualTimers:
    return ManualTimers(FakeClock())


def next_try(alarms: ManualTimers, recoveries: Recoveries, pause: float) -> None:
    alarms.wait_set(pause)
    alarms.advance(pause)
    assert recoveries.threads.get(timeout=10) == "recovery"


def test_one_that_is_through_is_on_the_thread_that_begins_it_and_leaves_no_problem(alarms: ManualTimers) -> None:
    recoveries = Recoveries()
    tries = RecoveryTries(recoveries, alarms)
    assert "is being taken over" in tries.problem
    tries.begin()
    assert tries.problem == ""
    assert recoveries.threads.get_nowait() == threading.current_thread().name
    assert alarms.delays() == []


def test_an_engine_that_does_not_answer_is_looked_at_again_in_the_same_time(alarms: ManualTimers) -> None:
    recoveries = Recoveries(*[EngineUnavailable("no engine")] * 3)
    tries = RecoveryTries(recoveries, alarms)
    tries.begin()
    recoveries.threads.get_nowait()
    assert tries.problem == ENGINE_AWAY.format(why="no engine")
    for _ in range(3):
        next_try(alarms, recoveries, ENGINE_PAUSE)
    assert alarms.delays() == []


def test_whatever_else_goes_wrong_is_logged_told_and_tried_again_ever_more_seldom(
    alarms: ManualTimers, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = [FIRST_PAUSE, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE]
    recoveries = Recoveries(*[ZeroDivisionError("a bug")] * len(pauses))
    tries = RecoveryTries(recoveries, alarms)
    tries.begin()
    recoveries.threads.get_nowait()
    assert "(ZeroDivisionError: a bug), see logs/app.log; it is tried again" in tries.problem
    assert [record.exc_info is not None for record in caplog.records] == [True]
    for pause in pauses:
        next_try(alarms, recoveries, pause)


def test_a_try_for_which_there_is_no_thread_is_not_lost(
    alarms: ManualTimers, caplog: pytest.LogCaptureFixture
) -> None:
    recoveries = Recoveries(EngineUnavailable("no engine"))
    RecoveryTries(recoveries, alarms).begin()
    recoveries.threads.get_nowait()
    with no_thread("recovery"):
        alarms.advance(ENGINE_PAUSE)
    assert "Recovery waits for a thread: can't start new thread; raise the limit of processes" in caplog.text
    next_try(alarms, recoveries, ENGINE_PAUSE)


def test_after_the_end_none_begins(alarms: ManualTimers) -> None:
    recoveries = Recoveries(EngineUnavailable("no engine"))
    tries = RecoveryTries(recoveries, alarms)
    tries.begin()
    recoveries.threads.get_nowait()
    tries.close()
    alarms.advance(ENGINE_PAUSE)
    assert recoveries.threads.empty()


def test_the_service_starts_says_so_and_serves_when_it_is_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Engine(HandRuntime):
        broken = True

        def list(self) -> list[Any]:
            if self.broken:
                raise ZeroDivisionError("a bug")
            return []

    engine = Engine()
    monkeypatch.setattr(recovery_tries, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(runtime_choice, "choose", lambda *_: engine)
    service = Service(load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_PORT": "0", "DRAIN_TIMEOUT": "0"}))
    service.start()
    ready, why = service.ready()
    assert (ready, service.status()["recovery"]) == (False, why)
    assert "ZeroDivisionError: a bug" in why

    engine.broken = False
    start = engine.starts.get(timeout=10)  # Main's container

    assert start.spec.role == "main"
    start.done.set_result(None)
    service.stop()
    assert service.status()["recovery"] == "done"
