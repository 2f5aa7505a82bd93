"""What people and agents ask of tasks: durable when it is said, refused in words that say what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw.errors import InvalidTask, SchedulerBusy, TooManyTasks, UnknownTask
from openclaw.schedule import book as book_module
from tests.schedule.world import NINE, World, refuse_all


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


def test_a_disk_that_does_not_take_it_is_said_and_nothing_changes(world: World) -> None:
    task_id = world.add()
    context = refuse_all(world)
    for act in (world.add, lambda: world.keeper.pause(task_id, None)):
        with pytest.raises(SchedulerBusy, match="the disk is full"):
            act()
    context.undo()

    assert [task.status for task in world.book.all()] == ["active"]


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
