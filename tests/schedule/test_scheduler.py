"""The scheduler's thread: it sleeps until something is due, the clock is set or somebody asks, and for nothing else."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.errors import InvalidTask, QueueFull, SchedulerBusy
from openclaw.schedule import scheduler as scheduler_module
from openclaw.schedule.keeper import Keeper
from openclaw.schedule.scheduler import FIRST_PAUSE, Scheduler
from openclaw.schedule.timerfd import Heard
from openclaw.spool import Committer
from tests.schedule.world import NINE, World

BOUND = 30


class HandAlarm:
    """A timer that the test rings. `armed` gets each moment for which the thread waits."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self.armed: queue.Queue[float | None] = queue.Queue()
        self.clock_is_set = 0  # how often `arm` says so

    def fileno(self) -> int:
        return self._fd

    def ring(self, what: Heard = "due") -> None:
        self._heard.put(what)
        os.eventfd_write(self._fd, 1)

    def arm(self, moment: float | None, /) -> bool:
        if self.clock_is_set:
            self.clock_is_set -= 1
            return False
        self.armed.put(moment)
        return True

    def heard(self) -> Heard:
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return "nothing"
        return self._heard.get()

    def close(self) -> None:
        os.close(self._fd)


class Running:
    """A scheduler in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alarm = HandAlarm()
        self.scheduler = Scheduler(world.keeper, self.alarm, world.clock)
        self.scheduler.start()

    def armed(self) -> float | None:
        """For what the thread waits next."""
        return self.alarm.armed.get(timeout=BOUND)

    def do(self, act: Any) -> Any:
        return self.scheduler.ask(act).result(BOUND)

    def add(self, **given: str) -> str:
        task_id = self.do(lambda keeper: keeper.add({**NINE, **given}))["id"]
        assert isinstance(task_id, str)
        return task_id

    def idle(self) -> None:
        """Everything that was asked before is done."""
        self.do(lambda keeper: None)


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    running = Running(world)
    with closing(running.scheduler):
        yield running


def at(world: World, local: str) -> float:
    world.set_date(local)
    return world.clock.time()


def test_without_a_task_no_timer_runs_and_nothing_wakes_the_thread(running: Running) -> None:
    assert running.armed() is None
    assert running.alarm.armed.empty()
    assert running.scheduler._set_alarm() is None  # so long it sleeps: for ever


def test_it_waits_for_the_next_due_time_and_has_it_run(running: Running) -> None:
    assert running.armed() is None
    running.add()
    nine = at(running.world, "2026-11-28T09:00")
    assert running.armed() == nine

    running.alarm.ring()

    assert running.armed() == nine + 86_400
    assert running.world.ran() == ["20261128T080000Z"]


def test_a_clock_that_was_set_is_looked_at(running: Running) -> None:
    assert running.armed() is None
    running.add(schedule_type="interval", schedule_value="10m")
    began = running.world.clock.time()
    assert running.armed() == began + 600

    running.world.clock.set_date(began - 3600)
    running.alarm.ring("clock set")

    assert running.armed() == began - 3000
    assert running.world.ran() == []


def test_a_clock_that_is_set_while_the_timer_is_armed_is_looked_at(running: Running) -> None:
    assert running.armed() is None
    running.alarm.clock_is_set = 2
    running.add(schedule_type="interval", schedule_value="10m")

    assert running.armed() == running.world.clock.time() + 600


def test_a_refusal_is_the_future_s_and_a_bug_too_and_the_thread_goes_on(running: Running) -> None:
    def bug(_: Keeper) -> None:
        raise ZeroDivisionError

    with pytest.raises(InvalidTask):
        running.add(prompt="")
    with pytest.raises(ZeroDivisionError):
        running.do(bug)
    running.idle()


def test_a_reply_reaches_the_task_that_it_is_of(running: Running) -> None:
    task_id = running.add(schedule_type="once", schedule_value="+0s")
    running.idle()
    (message,) = running.world.ways.accepted
    running.scheduler.finished("something-else", {"status": "failed"})
    running.scheduler.finished(message.id, {"status": "failed", "error": "no model"})
    running.idle()

    assert running.do(lambda keeper: keeper.show(task_id, None))["last"]["error"] == "no model"


def test_what_was_not_taken_is_tried_again_after_a_pause_in_which_no_timer_runs(running: Running) -> None:
    assert running.armed() is None
    running.world.ways.refusal = QueueFull("full")
    running.add(schedule_type="interval", schedule_value="10m")
    assert running.armed() is not None
    running.world.clock.advance(600)
    running.alarm.ring()
    assert running.armed() is None  # it is due, and a timer for that would ring for ever

    running.world.ways.refusal = None
    running.world.clock.advance(FIRST_PAUSE)
    running.idle()

    assert running.armed() == running.world.clock.time() + 600 - FIRST_PAUSE
    assert len(running.world.ways.accepted) == 1


def test_a_failure_of_ours_while_claiming_is_tried_again_and_no_spin(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert running.armed() is None
    running.add(schedule_type="interval", schedule_value="10m")
    assert running.armed() is not None
    with monkeypatch.context() as patched:
        patched.setattr(running.world.keeper.runs, "claim_due", lambda: 1 / 0)
        running.world.clock.advance(600)
        running.alarm.ring()
        assert running.armed() is None
    running.world.clock.advance(FIRST_PAUSE)
    running.idle()
    assert running.armed() is not None
    assert len(running.world.ways.accepted) == 1


def test_more_than_so_many_do_not_wait(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "MAX_ASKED", 2)
    entered, go_on = threading.Event(), threading.Event()

    def slow(_: Keeper) -> None:
        entered.set()
        assert go_on.wait(BOUND)

    first = running.scheduler.ask(slow)
    assert entered.wait(BOUND)
    others = [running.scheduler.ask(lambda keeper: keeper.list(None)) for _ in range(3)]
    with pytest.raises(SchedulerBusy, match="2 others wait for the scheduler already"):
        others[2].result(BOUND)
    go_on.set()
    first.result(BOUND)
    assert others[1].result(BOUND) == {"tasks": []}


def test_after_the_end_it_takes_nothing_more_and_what_waited_is_refused(world: World) -> None:
    running = Running(world)
    entered, go_on = threading.Event(), threading.Event()

    def slow(_: Keeper) -> None:
        entered.set()
        assert go_on.wait(BOUND)

    running.scheduler.ask(slow)
    assert entered.wait(BOUND)
    waits = running.scheduler.ask(lambda keeper: keeper.list(None))
    closer = threading.Thread(target=running.scheduler.close)
    closer.start()
    go_on.set()
    closer.join(BOUND)

    running.scheduler.close()
    running.scheduler.finished("t0000000000-20261128T080000Z", {"status": "done"})
    for future in (running.scheduler.ask(lambda keeper: keeper.list(None)), waits):
        error = future.exception(BOUND)
        assert error is None or "is stopping" in str(error)  # one that was reached before the end has its answer


def test_one_that_never_started_ends_as_well(world: World) -> None:
    scheduler = Scheduler(world.keeper, HandAlarm(), world.clock)
    asked = scheduler.ask(lambda keeper: keeper.list(None))

    scheduler.close()

    with pytest.raises(SchedulerBusy, match="is stopping"):
        asked.result(BOUND)


def test_tasks_that_cannot_be_read_at_all_are_said_and_the_thread_lives(
    tmp_path: Path, committer: Committer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path / "tasks", committer)

    def unreadable() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(world.store, "load", unreadable)
    running = Running(world)
    with closing(running.scheduler):
        running.idle()
    assert "the scheduler could not do something" in caplog.text


def test_the_status_says_what_there_is_and_what_comes(running: Running) -> None:
    nothing = {"active": 0, "paused": 0, "finished": 0, "running": 0}
    assert running.scheduler.status() == nothing
    task_id = running.add()
    other = running.add()
    running.do(lambda keeper: keeper.pause(other, None))

    status = running.scheduler.status()

    assert status == {**nothing, "active": 1, "paused": 1, "next": {"id": task_id, "at": "2026-11-28T09:00:00+01:00"}}
