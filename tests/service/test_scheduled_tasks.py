"""Scheduled tasks in a real service: due by the kernel's own timer, asked for by agents, and killed in between."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.service.test_agent_calls import McpProcess
from tests.support.file_events import FileEvents
from tests.support.service import RunningService


def add(service: RunningService, **given: Any) -> dict[str, Any]:
    values = {"prompt": "6 * 7", "schedule_type": "once", "schedule_value": "+1s", **given}
    response = service.post_to("/tasks", values)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def reply_of(service: RunningService, folder: FileEvents, task_id: str) -> dict[str, Any]:
    """The reply to a task's first run, once it is in the outbox."""
    outbox = service.home / "ipc/outbox"
    folder.until(lambda: any(outbox.glob(f"{task_id}-*.json")))
    (path,) = outbox.glob(f"{task_id}-*.json")
    record: dict[str, Any] = json.loads(path.read_bytes())
    return record


def test_a_task_comes_due_by_the_timer_and_its_reply_is_in_the_outbox(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service, closing(FileEvents(service.home / "ipc/outbox")) as folder:
        made = add(service)
        assert service.get("/status").json()["tasks"]["active"] == 1

        reply = reply_of(service, folder, made["id"])

        due = datetime.fromisoformat(made["next"][0])
        assert time.time() >= due.timestamp()
        assert reply["id"] == f"{made['id']}-{due.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        assert (reply["status"], reply["session"]) == ("done", "default")
        assert "6 * 7" in reply["text"]
        task = service.get(f"/tasks/{made['id']}").json()
        assert task["status"] == "finished"
        assert [(run["id"], run["due"]) for run in task["runs"]] == [(reply["id"], made["next"][0])]


def test_an_agent_schedules_through_its_runner_and_the_group_hears_of_it(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service, closing(FileEvents(service.home / "ipc/outbox")) as folder:
        answer = service.post({"text": "/schedule once +1s -- /ls", "session": "s"}).json()
        task_id, *_ = answer["text"].split()
        assert f"{task_id} is active (" in answer["text"]

        reply = reply_of(service, folder, task_id)

        assert (reply["status"], reply["session"]) == ("done", "s")
        said = service.post({"text": "/tasks"}).json()["text"]
        assert said.startswith(f"{task_id} is finished (once +1s ")
        assert service.post({"text": "/tasks cancel"}).json()["text"].startswith("Use: /tasks")
        assert service.post({"text": f"/tasks cancel {task_id}"}).json()["text"] == f"{task_id} is cancelled."
        assert service.post({"text": "/tasks"}).json()["text"] == "No task is scheduled."


def test_another_group_has_tasks_of_its_own(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service:
        service.put("/groups/friends", {})
        main = add(service, schedule_type="cron", schedule_value="@yearly")["id"]
        answer = service.post({"text": "/schedule cron @monthly -- hello", "group": "friends"}).json()["text"]
        theirs = answer.split()[0]

        said = service.post({"text": "/tasks", "group": "friends"}).json()["text"]
        refused = service.post({"text": f"/tasks cancel {main}", "group": "friends"}).json()["text"]

        assert said.startswith(f"{theirs} of friends is active (cron @monthly ")
        assert main not in said
        assert refused.startswith(f"The host refused: there is no task '{main}'")
        assert {task["id"] for task in service.get("/tasks").json()["tasks"]} == {main, theirs}


def test_an_mcp_client_makes_changes_and_cancels_one(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service:
        service.post({"text": "warm up"})
        (channel,) = (service.home / "ipc/channels").iterdir()
        with closing(FileEvents(channel / "out")) as events:
            service.post({"text": "/wait 600", "id": "a", "session": "s"}, "")
            events.until((channel / "out/a.started.json").exists)
        with closing(McpProcess(channel)) as mcp:
            nine = {"prompt": "hello", "schedule_type": "cron", "schedule_value": "0 9 * * *"}
            refused, said = mcp.call("schedule_task", **nine, timezone="Australia/Lord_Howe")
            assert not refused
            made = json.loads(said)
            assert len(made["next"]) == 3
            assert all("T09:00:00+" in time for time in made["next"])
            assert json.loads(mcp.call("list_tasks")[1])["tasks"][0]["session"] == "s"
            assert json.loads(mcp.call("pause_task", id=made["id"])[1])["status"] == "paused"
            assert json.loads(mcp.call("resume_task", id=made["id"])[1])["status"] == "active"
            changed = mcp.call("update_task", id=made["id"], schedule_type="interval", schedule_value="5")
            assert changed == (True, "the shortest interval is 60 s, the longest 3660 days, not 5")
            assert json.loads(mcp.call("cancel_task", id=made["id"])[1]) == {"id": made["id"], "status": "cancelled"}
        service.delete("/messages/a")
        service.get("/messages/a?wait=30")


@pytest.mark.parametrize("accepted", [True, False])
def test_one_that_was_killed_between_claim_and_run_has_exactly_one_run(tmp_path: Path, accepted: bool) -> None:
    """What such a death leaves on the disk: the claim in the task's file, the message in work/ or not yet."""
    with RunningService(tmp_path / "home") as service, closing(FileEvents(service.home / "ipc/outbox")) as folder:
        made = add(service, prompt="/wait 600" if accepted else "/ls", schedule_value="+1s" if accepted else "+1h")
        path = service.home / f"ipc/tasks/{made['id']}.json"
        task = json.loads(path.read_bytes())
        run_id = f"{made['id']}-{datetime.fromtimestamp(task['next'], UTC):%Y%m%dT%H%M%SZ}"
        if accepted:
            with closing(FileEvents(service.home / "ipc/work")) as work:
                work.until((service.home / f"ipc/work/{run_id}.json").exists)
        service.kill()
        if not accepted:
            claim = {"due": task["next"], "id": run_id, "status": "running", "at": task["next"]}
            path.write_text(json.dumps({**task, "status": "finished", "next": None, "runs": [claim]}))

        with service:
            if accepted:
                service.delete(f"/messages/{run_id}")
            reply = reply_of(service, folder, made["id"])
            runs = service.get(f"/tasks/{made['id']}").json()["runs"]

        assert reply["status"] == ("cancelled" if accepted else "done")
        assert [run["id"] for run in runs] == [run_id]


def test_what_came_due_while_it_was_down_runs_once_at_the_next_start(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service, closing(FileEvents(service.home / "ipc/outbox")) as folder:
        made = add(service, schedule_type="interval", schedule_value="60s")
        service.stop()
        path = service.home / f"ipc/tasks/{made['id']}.json"
        task = json.loads(path.read_bytes())
        task["anchor"] = task["created"] = task["created"] - 3610
        task["next"] -= 3610
        path.write_text(json.dumps(task))

        with service:
            reply_of(service, folder, made["id"])
            runs = service.get(f"/tasks/{made['id']}").json()["runs"]

        assert len(runs) == 1
