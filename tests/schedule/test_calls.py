"""What agents may do with tasks: Main's own with all, another group's with its own, a subagent with none."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from openclaw.agents.turn import Turn
from openclaw.message import Frame, Message
from openclaw.routing.agent_calls import AgentCalls
from openclaw.schedule.calls import TaskCalls
from openclaw.schedule.scheduler import Scheduler
from openclaw.schedule.task import Run
from tests.schedule.test_scheduler import HandAlarm
from tests.schedule.world import NINE, World
from tests.support.bare_attachment import bare_attachment

BOUND = 30


class Agent:
    """Calls tools for a turn."""

    def __init__(self, calls: AgentCalls, message_id: str, group: str, session: str) -> None:
        self._calls = calls
        self._number = 0
        self.turn = Turn(Message("hello", message_id, group, session), 1, 0.0, 0.0)
        self.turn.attachment = bare_attachment("c1")

    def ask(self, tool: str, number: int = 0, /, **arguments: Any) -> dict[str, Any]:
        """What is answered."""
        self._number = number or self._number + 1
        answers: queue.Queue[dict[str, Any]] = queue.Queue()
        frame = Frame("call", self.turn.id, {"tool": tool, "arguments": arguments}, self._number)
        self._calls.called(self.turn, frame, answers.put)
        return answers.get(timeout=BOUND)


@pytest.fixture
def calls(world: World) -> Iterator[AgentCalls]:
    scheduler = Scheduler(world.keeper, HandAlarm(), world.clock)
    scheduler.start()
    with closing(scheduler):
        yield AgentCalls(TaskCalls(scheduler).tools)


@pytest.fixture
def main(calls: AgentCalls) -> Agent:
    return Agent(calls, "m1", "main", "s")


@pytest.fixture
def friend(calls: AgentCalls) -> Agent:
    return Agent(calls, "f1", "friends", "default")


@pytest.fixture
def subagent(calls: AgentCalls) -> Agent:
    return Agent(calls, "m1.s1", "main", "s")


def test_a_task_belongs_to_the_group_and_session_of_the_message(main: Agent, world: World) -> None:
    told = main.ask("schedule_task", **NINE)["value"]

    assert told["next"] == [f"2026-{day}T09:00:00+01:00" for day in ("11-28", "11-29", "11-30")]
    task = world.book.get(told["id"])
    assert (task.group, task.session, task.call) == ("main", "s", ("c1", "m1", 1))


def test_the_same_call_heard_again_makes_one_task(main: Agent, world: World) -> None:
    assert main.ask("schedule_task", 3, **NINE) == main.ask("schedule_task", 3, **NINE)
    assert len(world.book.all()) == 1


def test_main_s_agent_schedules_for_other_groups_and_sees_theirs(main: Agent, friend: Agent, world: World) -> None:
    for_friends = main.ask("schedule_task", group="friends", **NINE)["value"]["id"]
    own = main.ask("schedule_task", **NINE)["value"]["id"]

    assert world.book.get(for_friends).session == "default"
    assert {task["id"] for task in main.ask("list_tasks")["value"]["tasks"]} == {for_friends, own}
    assert [task["id"] for task in friend.ask("list_tasks")["value"]["tasks"]] == [for_friends]
    assert friend.ask("pause_task", id=for_friends)["value"]["status"] == "paused"
    assert main.ask("resume_task", id=for_friends)["value"]["status"] == "active"
    assert main.ask("update_task", id=for_friends, prompt="good night")["value"]["id"] == for_friends
    assert main.ask("cancel_task", id=for_friends)["value"] == {"id": for_friends, "status": "cancelled"}


def test_another_group_s_agent_reaches_no_task_but_its_own(main: Agent, friend: Agent) -> None:
    mains = main.ask("schedule_task", **NINE)["value"]["id"]

    assert "may schedule tasks for itself only" in friend.ask("schedule_task", group="main", **NINE)["error"]
    for tool in ("pause_task", "resume_task", "cancel_task"):
        assert f"there is no task '{mains}'" in friend.ask(tool, id=mains)["error"]
    assert f"there is no task '{mains}'" in friend.ask("update_task", id=mains, prompt="x")["error"]
    assert friend.ask("schedule_task", group="friends", **NINE)["value"]["group"] == "friends"


@pytest.mark.parametrize(
    "tool", ["schedule_task", "list_tasks", "update_task", "pause_task", "resume_task", "cancel_task"]
)
def test_a_subagent_has_no_part_in_it(subagent: Agent, tool: str) -> None:
    assert "a subagent works alone" in subagent.ask(tool)["error"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("schedule_task", {}, 'a task needs "prompt"'),
        ("schedule_task", {**NINE, "session": "x"}, "schedule_task has no argument 'session'; it takes prompt"),
        ("schedule_task", {**NINE, "schedule_value": "* *"}, "a cron expression has five fields"),
        ("schedule_task", {**NINE, "group": 5}, '"group" must be a string'),
        ("list_tasks", {"group": "main"}, "takes no arguments"),
        ("update_task", {"prompt": "x"}, 'update_task takes "id"'),
        ("update_task", {"id": "t1", "group": "friends"}, "there is no task 't1'"),
        ("pause_task", {}, 'the only argument is "id"'),
        ("cancel_task", {"id": 5}, 'the only argument is "id"'),
        ("resume_task", {"id": "../x"}, "there is no task '../x'"),
    ],
)
def test_what_makes_no_sense_is_said(main: Agent, tool: str, arguments: dict[str, Any], said: str) -> None:
    assert said in main.ask(tool, **arguments)["error"]


def test_words_stay_those_of_the_sender_for_whom_they_were_written(
    calls: AgentCalls, friend: Agent, world: World
) -> None:
    anns = Agent(calls, "f2", "friends", "default")
    anns.turn.message = replace(anns.turn.message, sender="ann")
    task_id = anns.ask("schedule_task", **NINE)["value"]["id"]
    assert world.book.get(task_id).sender == "ann"

    friend.ask("update_task", id=task_id, schedule_value="0 8 * * *")
    assert world.book.get(task_id).sender == "ann"
    friend.ask("update_task", id=task_id, prompt="what the user wants")
    assert world.book.get(task_id).sender == ""
    anns.ask("update_task", id=task_id, prompt="what ann wants")

    task = world.book.get(task_id)
    assert task.message(Run(0, "x", "running", 0)).sender == task.sender == "ann"


def test_for_a_cancelled_message_nothing_is_scheduled(main: Agent, world: World) -> None:
    main.turn.cancelled = True

    assert "the message is cancelled" in main.ask("schedule_task", **NINE)["error"]
    assert world.book.all() == []


def test_what_an_isolated_run_schedules_is_not_for_its_own_session_that_nobody_sees_again(
    calls: AgentCalls, world: World
) -> None:
    run = "t0123456789-20261128T080000Z"

    told = Agent(calls, run, "main", run).ask("schedule_task", **NINE)["value"]

    assert world.book.get(told["id"]).session == "default"


def test_a_bug_of_ours_is_said_without_its_details(
    main: Agent, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.keeper, "list", lambda whose: 1 / 0)

    assert main.ask("list_tasks") == {"error": "an internal error, which logs/app.log tells; try again"}
