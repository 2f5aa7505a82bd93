"""Runs of tasks: each due time has one, whatever is cut off, set back or slow meanwhile."""

from __future__ import annotations

import pytest

from openclaw.errors import DamagedGroup, InvalidTask, MessageRefused, NotDurable, QueueFull
from openclaw.schedule.task import MAX_FAILURES, MAX_RUNS, run_id
from tests.schedule.world import Killed, World, refuse_all

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


# Clocks that are set


def test_a_clock_that_is_set_forward_loses_no_run(world: World) -> None:
    task_id = world.add(missed="skip")  # it is up: nothing was missed

    world.set_date("2026-11-28T09:30")
    world.keeper.runs.clock_set()
    assert world.go_on()

    assert world.ran() == ["20261128T080000Z"]
    assert world.next(task_id) == "2026-11-29 09:00"


def test_a_clock_that_is_set_back_doubles_no_run(world: World) -> None:
    task_id = world.add()
    assert world.go_on("2026-11-28T09:00")
    world.answer()

    world.set_date("2026-11-28T08:00")
    world.keeper.runs.clock_set()
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
    world.keeper.runs.clock_set()
    assert world.go_on()  # for 09:00; those after it went by at once
    world.answer()
    world.set_date("2026-11-28T08:55")
    world.keeper.runs.clock_set()
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
    world.keeper.runs.clock_set()

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


def test_a_claim_that_the_disk_does_not_take_is_no_run(world: World) -> None:
    task_id = world.add()
    context = refuse_all(world)
    assert not world.go_on("2026-11-28T09:00")
    assert world.ways.accepted == []
    context.undo()

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
        world.keeper.runs.finished(message_id, {"status": "failed"})

    assert world.runs(task_id) == [("2026-11-28 09:00", "running")]
