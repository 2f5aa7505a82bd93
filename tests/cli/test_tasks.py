"""`openclaw tasks` against a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.cli import main
from tests.support.service import RunningService
from tests.support.until import until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with RunningService(tmp_path_factory.mktemp("tasks") / "home") as running:
        yield running


@pytest.fixture
def service(running: RunningService, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    """Without a task at first."""
    for name, value in running.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENCLAW_PORT", running.url.rpartition(":")[2])
    yield running
    for task in running.get("/tasks").json()["tasks"]:
        running.delete(f"/tasks/{task['id']}")


Capture = pytest.CaptureFixture[str]


def add(capsys: Capture, *words: str) -> str:
    """The id of a new task."""
    assert main(["tasks", "add", "--json", *words]) == 0
    task_id = json.loads(capsys.readouterr().out)["id"]
    assert isinstance(task_id, str)
    return task_id


def test_there_are_none_at_first(service: RunningService, capsys: Capture) -> None:
    assert main(["tasks"]) == 0
    assert capsys.readouterr().out == "none\n"
    assert main(["tasks", "list", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_one_that_is_added_says_the_next_three_local_times(service: RunningService, capsys: Capture) -> None:
    assert main(["tasks", "add", "good morning", "--cron", "0 9 24 12 *", "--timezone", "Europe/Berlin"]) == 0

    first, *times = capsys.readouterr().out.splitlines()
    assert first.endswith("is scheduled, by the clocks of Europe/Berlin; it is due")
    assert len(times) == 3
    assert all(time.endswith("-12-24T09:00:00+01:00") for time in times)


def test_every_option_is_a_key(service: RunningService, capsys: Capture) -> None:
    words = ["x", "--interval", "1h", "--timezone", "UTC", "--session", "s", "--isolated", "--missed", "skip"]
    task = service.get(f"/tasks/{add(capsys, *words)}").json()

    assert (task["schedule_type"], task["schedule_value"], task["timezone"]) == ("interval", "1h", "UTC")
    assert (task["session"], task["context_mode"], task["missed"]) == ("s", "isolated", "skip")


def test_one_is_paused_resumed_and_cancelled(service: RunningService, capsys: Capture) -> None:
    task_id = add(capsys, "good\nmorning", "--cron", "0 9 * * *", "--timezone", "UTC")

    assert main(["tasks", "pause", task_id]) == 0
    assert capsys.readouterr().out == f"{task_id} is paused; openclaw tasks resume {task_id} has it go on\n"
    assert main(["tasks"]) == 0
    assert capsys.readouterr().out == f"{task_id}  paused  main  cron 0 9 * * * (UTC)  not due  good morning\n"
    assert main(["tasks", "resume", task_id]) == 0
    assert capsys.readouterr().out.startswith(f"{task_id} goes on; it is due\n    2")
    assert main(["tasks", "cancel", task_id]) == 0
    assert capsys.readouterr().out == f"{task_id} is cancelled\n"
    assert main(["tasks", "cancel", task_id]) == 1
    assert f"Unknown task: there is no task '{task_id}'" in capsys.readouterr().err


def test_the_history_says_what_runs_came_to(service: RunningService, capsys: Capture) -> None:
    task_id = add(capsys, "/fail no luck today", "--once", "+0s")
    (run,) = _runs(service, task_id)

    assert main(["tasks", "history", task_id]) == 0

    line, entry = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{task_id}  finished  main  once +0s")
    assert entry == f"    {run['due']}  failed  {run['id']}  no luck today"
    waits = add(capsys, "hello", "--cron", "0 0 1 1 *")
    assert main(["tasks", "history", waits]) == 0
    assert capsys.readouterr().out.endswith("    it has not run yet\n")


def _runs(service: RunningService, task_id: str) -> list[dict[str, str]]:
    """Its runs, once they are over."""
    runs: list[dict[str, str]] = []

    def over() -> bool:
        runs[:] = service.get(f"/tasks/{task_id}").json()["runs"]
        return all(run["status"] != "running" for run in runs)

    until(over)
    return runs


@pytest.mark.parametrize(
    "words",
    [
        ["add", "x"],
        ["add", "--cron", "0 9 * * *"],
        ["add", "x", "--cron", "0 9 * * *", "--once", "+1h"],
        ["add", "x", "--once", "+1h", "--missed", "later"],
        ["pause"],
        ["pause", "../x"],
        ["remove", "t0123456789"],
    ],
)
def test_wrong_use_is_said(service: RunningService, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tasks", *words])
    assert ended.value.code == 2


def test_what_the_scheduler_refuses_is_said_in_its_words(service: RunningService, capsys: Capture) -> None:
    assert main(["tasks", "add", "x", "--interval", "5s"]) == 1
    assert "Invalid task: the shortest interval is 60 s" in capsys.readouterr().err


def test_without_a_service_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("OPENCLAW_HOME", str(tmp_path))
    monkeypatch.setenv("OPENCLAW_PORT", "1")
    assert main(["tasks"]) == 1
    assert "start it with: openclaw serve" in capsys.readouterr().err
