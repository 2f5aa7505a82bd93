"""How a task is shown: in a list in short, whole by itself, times as local clocks have them."""

from __future__ import annotations

from dataclasses import replace

from openclaw.schedule import shown
from tests.schedule.test_task import NINE, TASK

ACTIVE = replace(TASK, status="active", next=NINE, reason="", prompt="x" * 300)


def test_the_answer_has_the_next_three_times_or_as_many_as_there_are() -> None:
    assert shown.answer(ACTIVE)["next"] == [f"2026-11-{day}T09:00:00+01:00" for day in (28, 29, 30)]
    once = replace(ACTIVE, schedule_type="once", schedule_value="2026-11-28T09:00")
    assert shown.answer(once)["next"] == ["2026-11-28T09:00:00+01:00"]
    assert shown.answer(TASK) == {
        "id": TASK.id, "group": "main", "status": "paused", "timezone": "Europe/Berlin", "next": [],
        "reason": "its last runs have failed",
    }  # fmt: skip


def test_a_list_has_the_beginning_of_a_prompt_the_next_time_and_the_last_run() -> None:
    entry = shown.short(ACTIVE)

    assert entry["prompt"] == "x" * 200 + "…"
    assert entry["next"] == ["2026-11-28T09:00:00+01:00"]
    assert entry["last"]["status"] == "running"
    assert entry["sender"] == "ann"
    assert "runs" not in entry
    assert "call" not in entry


def test_one_by_itself_has_all_of_it_and_its_runs_newest_first() -> None:
    entry = shown.whole(ACTIVE)

    assert entry["prompt"] == "x" * 300
    assert [run["due"] for run in entry["runs"]] == ["2026-11-29T09:00:00+01:00", "2026-11-28T09:00:00+01:00"]
    assert entry["runs"][1]["error"] == "no model"
    assert entry["runs"][1]["ended"] == "2026-11-28T09:00:01+01:00"
    assert entry["created"] == "2026-11-28T08:58:20+01:00"


def test_a_line_of_the_log_says_when_it_is_due() -> None:
    assert shown.schedule(ACTIVE) == "cron '0 9 * * *' in Europe/Berlin, next Sat 2026-11-28 09:00 CET"
    assert shown.schedule(TASK).endswith("next never")
