"""What a message hears of scheduled tasks: `/tasks`, and `/schedule` without a model."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.engines import Task, tasks
from agent_runner.engines.commands import execute
from agent_runner.engines.site import Site
from openclaw.message import Message
from tests.support.agent_host import HandHost

SHORT: dict[str, Any] = {
    "id": "t1", "group": "main", "status": "active", "schedule_type": "cron", "schedule_value": "0 9 * * *",
    "timezone": "UTC", "next": ["2026-11-29T09:00:00+00:00"], "prompt": "good\nmorning",
}  # fmt: skip


def do(text: str, host: HandHost) -> str:
    answer = execute(text, Task(Message(text)), host, Site())
    assert answer is not None
    return answer


def listed(**changes: Any) -> str:
    return tasks.listed(HandHost(list_tasks=lambda _: {"tasks": [{**SHORT, **changes}]}))


def test_each_task_is_a_line() -> None:
    assert listed() == "t1 is active (cron 0 9 * * * UTC), next 2026-11-29T09:00:00+00:00: good morning"
    assert listed(group="friends").startswith("t1 of friends is active (")
    last = {"due": "2026-11-28T09:00:00+00:00", "status": "failed"}
    assert listed(status="paused", next=[], reason="its last 5 runs have failed", last=last, prompt="x" * 300) == (
        "t1 is paused since its last 5 runs have failed (cron 0 9 * * * UTC);"
        f" last 2026-11-28T09:00:00+00:00: failed: {'x' * 200}…"
    )
    assert tasks.listed(HandHost(list_tasks=lambda _: {"tasks": [{"id": "t2", "damaged": "no\njson"}]})) == (
        "t2 cannot be read: no json"
    )


def test_one_is_paused_resumed_and_cancelled() -> None:
    host = HandHost(
        pause_task=lambda asked: asked | {"status": "paused", "next": []},
        resume_task=lambda asked: asked | {"status": "active", "next": ["a", "b"]},
        cancel_task=lambda asked: asked | {"status": "cancelled"},
    )

    assert do("/tasks pause t1", host) == "t1 is paused."
    assert do("/tasks resume t1", host) == "t1 is active, next a, b."
    assert do("/tasks cancel t1", host) == "t1 is cancelled."
    assert host.calls == [(f"{act}_task", {"id": "t1"}) for act in ("pause", "resume", "cancel")]


@pytest.mark.parametrize("rest", ["pause", "drop t1", "pause t1 t2", "t1"])
def test_wrong_use_is_said_and_nothing_asked(rest: str) -> None:
    host = HandHost()
    assert do(f"/tasks {rest}", host) == "Use: /tasks [pause|resume|cancel ID]"
    assert host.calls == []


def test_without_a_model_one_is_scheduled_by_a_command() -> None:
    made = {"id": "t1", "status": "active", "timezone": "UTC", "next": ["a", "b", "c"]}
    host = HandHost(schedule_task=lambda _: made)

    assert do("/schedule cron 0 9 * * mon-fri -- good\nmorning", host) == "t1 is active (UTC), next a, b, c."
    assert host.calls == [
        ("schedule_task", {"prompt": "good\nmorning", "schedule_type": "cron", "schedule_value": "0 9 * * mon-fri"})
    ]
    assert do("/schedule daily 9 -- x", host).startswith("Use: /schedule cron|interval|once WHEN -- PROMPT")
    assert do("/schedule once +1h", host).startswith("Use: /schedule")
    assert do("/schedule once +1h -- x", HandHost()) == "The host refused: no schedule_task today"
