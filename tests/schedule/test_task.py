"""A task's record: what is written is what is read, what is damaged is refused, and ids say what they belong to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from openclaw.errors import InvalidTask
from openclaw.message import dump_bytes, is_id, is_name, load_object
from openclaw.schedule.task import DAMAGE, MAX_RUNS, Run, Task, is_task_id, run_id, task_of
from openclaw.schedule.zone import Zone

ID = "t0123456789"
NINE = Zone("Europe/Berlin").moment(datetime(2026, 11, 28, 9))
TASK = Task(
    ID, "main", "s", "good\nmorning", "cron", "0 9 * * *", "Europe/Berlin", NINE - 100, NINE - 50, "isolated", "skip",
    "paused", None, "its last runs have failed", 5, "ann", ("c1", "m1", 3),
    (Run(NINE, run_id(ID, NINE), "failed", NINE, NINE + 1, "no model"), Run(NINE + 86_400, "x", "running", NINE)),
)  # fmt: skip


def test_what_is_written_is_what_is_read() -> None:
    assert Task.from_json(load_object(dump_bytes(TASK.to_json())), ID) == TASK
    plain = Task(ID, "main", "default", "x", "interval", "1h", "UTC", 5, 5, next=3605)
    assert Task.from_json(load_object(dump_bytes(plain.to_json())), ID) == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "t9999999999"}, {"status": "gone"}, {"context_mode": "x"}, {"missed": None}, {"group": "../x"},
        {"session": 5}, {"created": "soon"}, {"runs": None}, {"runs": [{"due": 1}]}, {"call": 5}, {"next": "x"},
        {"runs": [{"due": 1, "id": "x", "status": "lost", "at": 1}]}, {"anchor": float("inf")},
        {"schedule_value": "0 99 * * *"}, {"schedule_type": "daily"}, {"timezone": "Mars/Olympus"},
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((*DAMAGE, InvalidTask)):
        Task.from_json({**TASK.to_json(), **changes}, ID)


@pytest.mark.parametrize("key", ["id", "group", "prompt", "schedule_type", "timezone", "created", "status", "runs"])
def test_what_is_missing_is_refused(key: str) -> None:
    value = TASK.to_json()
    del value[key]
    with pytest.raises(DAMAGE):
        Task.from_json(value, ID)


def test_the_id_of_a_run_is_that_of_a_message_and_tells_task_and_time() -> None:
    message_id = run_id(ID, NINE)

    assert message_id == f"{ID}-20261128T080000Z"
    assert is_id(message_id)
    assert is_name(message_id)  # it is a session's name, too
    assert task_of(message_id) == ID
    for other in ("", ID, "hello", f"{message_id}.s1", f"{message_id}.m1", f"x{message_id}", f"{ID}-20261128T0800Z"):
        assert task_of(other) == ""
    assert not any(map(is_task_id, ("", "t012345678", "t012345678g", "0123456789a", 5, f"{ID}\n")))


def test_a_run_takes_the_place_of_the_one_of_the_same_due_time_and_the_oldest_go() -> None:
    ended = Run(NINE + 86_400, "x", "done", NINE, NINE + 5)
    assert TASK.with_run(ended).runs == (TASK.runs[0], ended)
    assert TASK.with_run(ended).open_run() is None
    assert TASK.open_run() == TASK.runs[1]

    task = TASK
    for number in range(MAX_RUNS):
        task = task.with_run(Run(number, "y", "done", number))
    assert [run.due for run in task.runs] == list(range(MAX_RUNS))


def test_a_due_time_of_which_something_has_become_does_not_come_again() -> None:
    assert TASK.after(NINE - 1) == NINE + 2 * 86_400
    assert TASK.after(NINE - 86_401) == NINE - 86_400
    once = Task(ID, "main", "s", "x", "once", "2026-11-28T09:00", "Europe/Berlin", NINE - 100, NINE - 100)
    assert once.after(NINE - 100) == NINE
    assert once.with_run(Run(NINE, "x", "missed", NINE)).after(NINE - 100) is None
