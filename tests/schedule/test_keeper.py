"""Tasks from their making to their runs: each due time once, whatever is cut off, set back or slow meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw.errors import (
    DamagedGroup,
    InvalidTask,
    MessageRefused,
    NotDurable,
    QueueFull,
    SchedulerBusy,
    TooManyTasks,
    UnknownTask,
)
from openclaw.schedule import book as book_module
from openclaw.schedule.task import MAX_FAILURES, MAX_RUNS, Task, run_id
from tests.schedule.world import NINE, Killed, World


def refuse(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The disk takes no task any more, within the context that is returned."""
    context = pytest.MonkeyPatch.context()

    def full(tasks: list[Task]) -> list[SchedulerBusy]:
        return [SchedulerBusy("the disk is full") for _ in tasks]

    patched = context.__enter__()
    patched.setattr(world.keeper._store, "save", full)
    return context


# Made and changed


def test_who_makes_a_task_is_told_the_next_three_local_times(world: World) -> None:
    told = world.keeper.add({**NINE, "schedule_value": "0 9 * * mon-fri", "timezone": "America/New_York"})

    assert told == {
        "id": told["id"],
        "group": "main",
        "status": "active",
        "timezone": "America/New_York",
        "next": ["2026-11-30T09:00:00-05:00", "2026-12-01T09:00:00-05:00", "2026-12-02T09:00:00-05:00"],
    }
    once = world.keeper.add({**NINE, "schedule_type": "once", "schedule_value": "2026-12-24T18:00"})
    assert once["next"] == ["2026-12-24T18:00:00+01:00"]


def test_a_task_is_on_the_disk_when_it_is_said(world: World) -> None:
    task_id = world.add(group="friends", session="s", context_mode="isolated", missed="skip")

    written = json.loads((world.folder / f"{task_id}.json").read_bytes())

    assert written["schedule_value"] == "0 9 * * *"
    assert (written["group"], written["session"], written["timezone"]) == ("friends", "s", "Europe/Berlin")
    before = world.book.get(task_id)
    world.restart()
    assert world.book.get(task_id) == before


def test_a_call_that_is_heard_again_makes_one_task(world: World) -> None:
    first = world.keeper.add(dict(NINE), ("c1", "m1", 7))
    world.restart()

    assert world.keeper.add(dict(NINE), ("c1", "m1", 7)) == first
    assert world.keeper.add(dict(NINE), ("c1", "m1", 8))["id"] != first["id"]
    assert len(world.book.all()) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompt": " "}, 'needs "prompt"'),
        ({"prompt": "x" * 16_385}, "at most 16384 bytes, not 16385; put the rest into a file"),
        ({"prompt": "\ud800"}, "surrogate"),
        ({"schedule_value": "0 25 * * *"}, "the hour takes 0 to 23"),
        ({"schedule_type": "interval", "schedule_value": "30s"}, "the shortest interval is 60 s"),
        ({"schedule_type": "once", "schedule_value": "2026-11-28T08:29"}, "is past: it is Sat 2026-11-28 08:30 CET"),
        ({"timezone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"context_mode": "none"}, '"context_mode" is one of group, isolated'),
        ({"missed": "later"}, '"missed" is one of run, skip'),
        ({"group": "nobody"}, "there is no group 'nobody'"),
        ({"group": "../x"}, '"group" must be'),
        ({"session": ""}, '"session" must be'),
        ({"cron": "* * * * *"}, "a task has no 'cron' here; it takes prompt"),
        ({"prompt": 5}, '"prompt" must be a string'),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_made(world: World, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        world.keeper.add({**NINE, **given})

    assert said in str(refused.value)
    assert not list(world.folder.iterdir())


def test_a_group_may_have_so_many_and_what_is_over_does_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "MAX_OF_GROUP", 2)
    first = world.add()
    world.add(schedule_type="once", schedule_value="+0s")
    with pytest.raises(TooManyTasks, match="a group has at most 2 tasks, all groups together 1000: cancel some first"):
        world.add()
    world.add(group="friends")

    assert world.go_on()

    world.add()
    world.keeper.cancel(first, None)
    world.add()


def test_of_those_that_are_over_the_oldest_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_FINISHED", 1)
    first = world.add(schedule_type="once", schedule_value="+0s")
    assert world.go_on()
    world.answer()
    second = world.add(schedule_type="once", schedule_value="+1s")

    assert world.go_on("2026-11-28T08:31")
    world.answer()
    assert world.go_on()

    assert [task.id for task in world.book.all()] == [second]
    assert not (world.folder / f"{first}.json").exists()


def test_another_schedule_begins_anew_and_what_is_not_named_stays(world: World) -> None:
    task_id = world.add()

    told = world.keeper.change(task_id, {"schedule_value": "15 10 * * *"}, None)

    assert told["next"][0] == "2026-11-28T10:15:00+01:00"
    world.keeper.change(task_id, {"prompt": "good evening"}, None)
    world.restart()
    assert world.book.get(task_id).prompt == "good evening"
    assert world.next(task_id) == "2026-11-28 10:15"


def test_a_change_that_makes_no_sense_changes_nothing(world: World) -> None:
    task_id = world.add()
    for given in ({}, {"schedule_value": "x"}, {"group": "friends"}, {"timezone": "x"}, {"prompt": ""}):
        with pytest.raises(InvalidTask):
            world.keeper.change(task_id, given, None)
    world.restart()
    assert world.next(task_id) == "2026-11-28 09:00"


def test_a_paused_task_does_not_run_and_what_came_due_meanwhile_is_not_made_up(world: World) -> None:
    task_id = world.add()
    assert world.keeper.pause(task_id, None)["next"] == []
    world.restart()

    assert world.go_on("2026-11-29T12:00")
    assert world.keeper.resume(task_id, None)["next"][0] == "2026-11-30T09:00:00+01:00"

    assert world.runs(task_id) == []


def test_what_was_once_and_is_past_is_not_resumed(world: World) -> None:
    task_id = world.add(schedule_type="once", schedule_value="2026-11-28T09:00")
    world.keeper.pause(task_id, None)
    world.set_date("2026-11-28T09:01")

    with pytest.raises(InvalidTask, match="is past; give it a new schedule_value"):
        world.keeper.resume(task_id, None)

    world.keeper.change(task_id, {"schedule_value": "2026-11-28T10:00"}, None)
    world.keeper.resume(task_id, None)
    assert world.next(task_id) == "2026-11-28 10:00"


def test_a_cancelled_task_is_gone_and_its_run_goes_on(world: World) -> None:
    task_id = world.add()
    assert world.go_on("2026-11-28T09:00")

    told = world.keeper.cancel(task_id, None)

    assert told == {"id": task_id, "status": "cancelled", "running": f"{task_id}-20261128T080000Z"}
    world.answer()
    world.restart()
    assert world.book.all() == []
    with pytest.raises(UnknownTask, match="there is no task"):
        world.keeper.cancel(task_id, None)


def test_a_group_sees_and_changes_its_own_tasks_only(world: World) -> None:
    mine, theirs = world.add(group="friends"), world.add()

    assert [task["id"] for task in world.keeper.list("friends")["tasks"]] == [mine]
    assert {task["id"] for task in world.keeper.list(None)["tasks"]} == {mine, theirs}
    for act in (world.keeper.pause, world.keeper.resume, world.keeper.show, world.keeper.cancel):
        with pytest.raises(UnknownTask):
            act(theirs, "friends")
        assert act(mine, "friends")["id"] == mine
    with pytest.raises(UnknownTask):
        world.keeper.change(theirs, {"prompt": "x"}, "friends")


def test_a_disk_that_does_not_take_it_is_said_and_nothing_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = world.add()
    context = refuse(world, monkeypatch)
    for act in (world.add, lambda: world.keeper.pause(task_id, None)):
        with pytest.raises(SchedulerBusy, match="the disk is full"):
            act()
    context.__exit__(None, None, None)

    assert [task.status for task in world.book.all()] == ["active"]


# Due


def test_what_is_due_is_a_message_like_any_other_and_its_end_is_noted(world: World) -> None:
    task_id = world.add(session="s")
    assert world.go_on("2026-11-28T08:59:59")
    assert world.ways.accepted == []

    assert world.go_on("2026-11-28T09:00")

    (message,) = world.ways.accepted
    assert message.id == f"{task_id}-20261128T080000Z"
    assert (message.group, message.session, message.sender) == ("main", "s", "")
    prompt, _, about = message.text.partition("\n\n")
    assert prompt == "good morning"
    assert about.startswith(f"(This is the scheduled task {task_id}, due Sat 2026-11-28 09:00 CET.")
    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]
    assert world.next(task_id) == "2026-11-29 09:00"
    world.answer()
    world.restart()
    assert world.runs(task_id) == [("2026-11-28 09:00", "done")]


def test_a_command_stays_as_it_is_and_an_isolated_run_has_a_session_of_its_own(world: World) -> None:
    world.add(prompt="/ls", context_mode="isolated")

    assert world.go_on("2026-11-28T09:00")

    (message,) = world.ways.accepted
    assert message.text == "/ls"
    assert message.session == message.id


def test_a_task_that_was_once_is_over_then(world: World) -> None:
    task_id = world.add(schedule_type="once", schedule_value="2026-11-28T09:00")

    assert world.go_on("2026-11-28T09:00")
    world.answer()
    assert world.go_on("2026-11-28T09:01")

    assert world.ran() == ["20261128T080000Z"]
    assert world.book.get(task_id).status == "finished"
    with pytest.raises(InvalidTask, match="is over; a new schedule_value begins it again"):
        world.keeper.pause(task_id, None)
    world.keeper.change(task_id, {"schedule_value": "+1h"}, None)
    assert world.next(task_id) == "2026-11-28 10:01"


def test_many_that_are_due_at_once_all_run(world: World) -> None:
    tasks = {world.add(group=group) for group in ("main", "friends") for _ in range(40)}

    assert world.go_on("2026-11-28T09:00")

    assert {message.id for message in world.ways.accepted} == {f"{task_id}-20261128T080000Z" for task_id in tasks}


def test_a_due_time_is_skipped_while_the_run_before_it_is_not_over(world: World) -> None:
    task_id = world.add(schedule_type="interval", schedule_value="10m")

    for minute in ("40", "50"):
        assert world.go_on(f"2026-11-28T08:{minute}")
    world.answer()
    assert world.go_on("2026-11-28T09:00")

    assert world.runs(task_id) == [
        ("2026-11-28 08:40", "done"), ("2026-11-28 08:50", "skipped"), ("2026-11-28 09:00", "running"),
    ]  # fmt: skip
    assert "was not over" in world.keeper.show(task_id, None)["runs"][1]["error"]


def test_the_history_is_bounded(world: World) -> None:
    task_id = world.add(schedule_type="interval", schedule_value="60s")
    for _ in range(MAX_RUNS + 5):
        world.clock.advance(60)
        assert world.go_on()
        world.answer()

    assert len(world.runs(task_id)) == MAX_RUNS
    assert len(world.ways.accepted) == MAX_RUNS + 5


@pytest.mark.parametrize("context_mode", ["isolated", "group"])
def test_what_is_remembered_no_longer_takes_its_session_with_it_where_that_was_its_own(
    world: World, context_mode: str
) -> None:
    task_id = world.add(schedule_type="interval", schedule_value="60s", context_mode=context_mode)
    for _ in range(MAX_RUNS + 2):
        world.clock.advance(60)
        assert world.go_on()
        world.answer()
    oldest = [("main", message.id) for message in world.ways.accepted]

    assert world.ways.forgotten == (oldest[:2] if context_mode == "isolated" else [])
    world.clock.advance(60)
    assert world.go_on()  # this one is not over, and somebody may speak in its session
    world.keeper.cancel(task_id, None)
    assert world.ways.forgotten == (oldest if context_mode == "isolated" else [])


# Cut off


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_between_a_claim_and_its_run_leaves_exactly_one_run(world: World, when: str) -> None:
    task_id = world.add()
    world.ways.dies = when
    with pytest.raises(Killed):
        world.go_on("2026-11-28T09:00")

    world.restart()
    assert world.go_on()

    assert world.ran() == ["20261128T080000Z"]
    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]
    world.answer()
    world.restart()
    assert world.go_on()
    assert world.ran() == ["20261128T080000Z"]
    assert world.runs(task_id) == [("2026-11-28 09:00", "done")]


def test_a_claim_that_was_not_run_before_a_long_pause_is_said_to_be_missed_where_the_task_wants_that(
    world: World,
) -> None:
    task_id = world.add(missed="skip")
    world.ways.dies = "before"
    with pytest.raises(Killed):
        world.go_on("2026-11-28T09:00")

    world.set_date("2026-11-28T12:00")
    world.restart()
    assert world.go_on()

    assert world.ran() == []
    assert world.runs(task_id) == [("2026-11-28 09:00", "missed")]
    assert world.next(task_id) == "2026-11-29 09:00"


@pytest.mark.parametrize("when", ["before", "after"])
def test_one_that_wants_to_skip_runs_all_the_same_where_it_was_accepted_or_the_pause_is_short(
    world: World, when: str
) -> None:
    task_id = world.add(missed="skip")
    world.ways.dies = when
    with pytest.raises(Killed):
        world.go_on("2026-11-28T09:00")

    world.set_date("2026-11-28T12:00" if when == "after" else "2026-11-28T09:00:30")
    world.restart()
    assert world.go_on()

    assert world.ran() == ["20261128T080000Z"]
    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]


def test_a_reply_that_came_when_nobody_listened_is_found_at_the_next_start(world: World) -> None:
    task_id = world.add()
    assert world.go_on("2026-11-28T09:00")
    message_id = world.ways.accepted[0].id
    world.ways.flight.clear()
    world.ways.replies[message_id] = {"status": "failed", "error": "no model"}

    world.restart()

    assert world.runs(task_id) == [("2026-11-28 09:00", "failed")]
    assert world.book.get(task_id).failures == 1


@pytest.mark.parametrize(("missed", "ran"), [("run", ["20261129T080000Z"]), ("skip", [])])
def test_what_was_missed_while_nothing_ran_runs_once_or_not_at_all(world: World, missed: str, ran: list[str]) -> None:
    task_id = world.add(missed=missed)
    assert world.go_on("2026-11-28T09:00")
    world.answer()

    world.set_date("2026-12-02T12:00")
    world.restart()
    assert world.go_on()

    assert world.ran() == ["20261128T080000Z", *ran]
    assert world.next(task_id) == "2026-12-03 09:00"
    assert world.runs(task_id)[1:] == [("2026-11-29 09:00", "running" if ran else "missed")]
    world.restart()
    assert world.go_on()
    assert len(world.ways.accepted) == 1 + len(ran)


def test_a_reminder_that_was_missed_and_is_to_be_skipped_is_over_and_says_so(world: World) -> None:
    task_id = world.add(schedule_type="once", schedule_value="2026-11-28T09:00", missed="skip")
    world.set_date("2026-11-29T09:00")
    world.restart()
    assert world.go_on()

    assert world.ran() == []
    assert world.book.get(task_id).status == "finished"
    assert world.runs(task_id) == [("2026-11-28 09:00", "missed")]


def test_a_restart_of_a_moment_misses_nothing(world: World) -> None:
    world.add(missed="skip")

    world.set_date("2026-11-28T09:00:50")
    world.restart()
    assert world.go_on()

    assert world.ran() == ["20261128T080000Z"]


def test_a_file_that_cannot_be_read_is_shown_and_can_be_cancelled_and_the_others_run(world: World) -> None:
    task_id = world.add()
    for name, data in {
        "t0000000000.json": b"{",
        "t0000000001.json": b'{"id": "t0000000001"}',
        "t0000000002.json": (world.folder / f"{task_id}.json").read_bytes(),
        "t0000000003.json": (world.folder / f"{task_id}.json").read_bytes().replace(b"0 9 * * *", b"x")
        .replace(task_id.encode(), b"t0000000003"),
    }.items():  # fmt: skip
        (world.folder / name).write_bytes(data)

    world.restart()

    shown = world.keeper.list(None)["tasks"]
    assert [task["id"] for task in shown if "damaged" in task] == [f"t000000000{number}" for number in range(4)]
    assert world.go_on("2026-11-28T09:00")
    assert world.ran() == ["20261128T080000Z"]
    assert world.keeper.cancel("t0000000000", None) == {"id": "t0000000000", "status": "cancelled"}
    assert not (world.folder / "t0000000000.json").exists()
    with pytest.raises(UnknownTask):
        world.keeper.cancel("t0000000001", "friends")


# Clocks that are set


def test_a_clock_that_is_set_forward_loses_no_run(world: World) -> None:
    task_id = world.add(missed="skip")  # it is up: nothing was missed

    world.set_date("2026-11-28T09:30")
    world.keeper.clock_set()
    assert world.go_on()

    assert world.ran() == ["20261128T080000Z"]
    assert world.next(task_id) == "2026-11-29 09:00"


def test_a_clock_that_is_set_back_doubles_no_run(world: World) -> None:
    task_id = world.add()
    assert world.go_on("2026-11-28T09:00")
    world.answer()

    world.set_date("2026-11-28T08:00")
    world.keeper.clock_set()
    assert world.go_on()
    assert world.go_on("2026-11-28T09:00")

    assert world.ran() == ["20261128T080000Z"]
    assert world.next(task_id) == "2026-11-29 09:00"


def test_an_hour_forward_and_back_again_gives_each_due_time_of_an_interval_one_run(world: World) -> None:
    task_id = world.add(schedule_type="interval", schedule_value="10m")
    for minute in ("08:40", "08:50"):
        assert world.go_on(f"2026-11-28T{minute}")
        world.answer()

    world.set_date("2026-11-28T09:55")
    world.keeper.clock_set()
    assert world.go_on()  # for 09:00; those after it went by at once
    world.answer()
    world.set_date("2026-11-28T08:55")
    world.keeper.clock_set()
    for minute in ("09:00", "09:10", "09:20"):
        assert world.go_on(f"2026-11-28T{minute}")
        if world.ways.flight:
            world.answer()

    assert [due for due, _ in world.runs(task_id)] == [
        f"2026-11-28 {minute}" for minute in ("08:40", "08:50", "09:00", "09:10", "09:20")
    ]
    assert len(world.ways.accepted) == 5


def test_a_clock_that_was_years_ahead_does_not_keep_tasks_waiting_for_years(world: World) -> None:
    daily, hourly = world.add(), world.add(schedule_type="interval", schedule_value="1h")
    assert world.go_on("2031-01-01T00:00")
    for message in list(world.ways.accepted):
        world.answer(message_id=message.id)
    assert world.next(daily) == "2031-01-01 09:00"

    world.set_date("2026-11-28T08:31")
    world.keeper.clock_set()

    assert world.next(daily) == "2026-11-29 09:00"  # that of today has had its run
    assert world.next(hourly) == "2026-11-28 10:30"


def test_the_doubled_hour_and_the_gap_have_one_run_each(world: World) -> None:
    world.set_date("2026-10-24T12:00")
    world.add(schedule_value="30 2 * * *")
    for _ in range(96):
        world.clock.advance(3600)
        assert world.go_on()
        if world.ways.flight:
            world.answer()
    assert world.ran() == ["20261025T003000Z", "20261026T013000Z", "20261027T013000Z", "20261028T013000Z"]


# Refused, and failing


@pytest.mark.parametrize("refusal", [QueueFull("10000 messages wait"), NotDurable("no space left")])
def test_a_message_that_is_not_taken_now_is_offered_again_and_taken_once(
    world: World, refusal: MessageRefused
) -> None:
    task_id = world.add()
    world.ways.refusal = refusal

    assert not world.go_on("2026-11-28T09:00")
    assert not world.go_on("2026-11-28T09:01")
    world.ways.refusal = None
    assert world.go_on("2026-11-28T09:02")
    assert world.go_on("2026-11-28T09:03")

    assert world.ran() == ["20261128T080000Z"]
    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]


def test_what_waits_to_be_taken_goes_with_its_task(world: World) -> None:
    task_id = world.add()
    world.ways.refusal = QueueFull("full")
    assert not world.go_on("2026-11-28T09:00")

    world.keeper.cancel(task_id, None)

    assert world.go_on()
    assert world.ways.accepted == []


def test_a_claim_that_the_disk_does_not_take_is_no_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = world.add()
    context = refuse(world, monkeypatch)
    assert not world.go_on("2026-11-28T09:00")
    assert world.ways.accepted == []
    context.__exit__(None, None, None)

    assert world.go_on("2026-11-28T09:01")

    assert world.ran() == ["20261128T080000Z"]
    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]


def test_a_task_that_keeps_failing_is_paused_with_a_word_to_its_group(world: World) -> None:
    task_id = world.add(group="friends", schedule_type="interval", schedule_value="10m")
    for _ in range(MAX_FAILURES):
        assert world.ways.told == {}
        world.clock.advance(600)
        assert world.go_on()
        world.answer("failed", "no model answers")

    task = world.book.get(task_id)
    assert (task.status, task.next) == ("paused", None)
    ((told_id, told),) = world.ways.told.items()
    assert told_id == f"{world.ways.accepted[-1].id}.m9999"
    assert told.group == "friends"
    assert f"its last {MAX_FAILURES} runs have failed, so it is paused" in told.text
    assert "The last error was: no model answers" in told.text
    assert f"openclaw tasks resume {task_id}" in told.text
    world.restart()
    assert world.keeper.list(None)["tasks"][0]["reason"] == f"its last {MAX_FAILURES} runs have failed"

    world.keeper.resume(task_id, None)
    assert (world.book.get(task_id).failures, world.book.get(task_id).reason) == (0, "")


def test_a_run_that_is_done_or_was_cancelled_is_no_failure(world: World) -> None:
    task_id = world.add(schedule_type="interval", schedule_value="10m")
    for status in ["failed"] * (MAX_FAILURES - 1) + ["cancelled", "done"] + ["failed"] * (MAX_FAILURES - 1):
        world.clock.advance(600)
        assert world.go_on()
        world.answer(status)

    assert world.book.get(task_id).status == "active"


def test_a_group_that_is_gone_fails_its_tasks_and_what_was_once_says_so(world: World) -> None:
    again, once = world.add(), world.add(schedule_type="once", schedule_value="2026-11-28T09:00")
    world.ways.refusal = DamagedGroup("the group is damaged")

    assert world.go_on("2026-11-28T09:00")

    assert world.runs(again) == world.runs(once) == [("2026-11-28 09:00", "failed")]
    assert world.book.get(again).failures == 1
    (told,) = world.ways.told.values()
    assert f"{once} (good morning): it was due and could not be done" in told.text
    assert told.text.endswith("it was not taken: the group is damaged")


def test_a_word_that_was_told_before_a_death_is_told_once(world: World) -> None:
    task_id = world.add(schedule_type="interval", schedule_value="10m")
    for _ in range(MAX_FAILURES - 1):
        world.clock.advance(600)
        assert world.go_on()
        world.answer("failed")
    world.clock.advance(600)
    assert world.go_on()
    written = (world.folder / f"{task_id}.json").read_bytes()
    world.answer("failed")
    (world.folder / f"{task_id}.json").write_bytes(written)  # the last that the process wrote was lost

    world.restart()

    assert world.book.get(task_id).status == "paused"
    assert len(world.ways.told) == 1


def test_an_answer_to_something_else_concerns_nobody(world: World) -> None:
    task_id = world.add()
    assert world.go_on("2026-11-28T09:00")
    run = f"{task_id}-20261128T080000Z"
    for message_id in ("hello", f"{task_id}-20261127T080000Z", run_id("t0000000000", 0), f"{run}.s1"):
        world.keeper.finished(message_id, {"status": "failed"})

    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]
