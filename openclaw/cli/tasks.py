"""`openclaw tasks`: list, add, pause, resume, cancel, and the history of one.

Runs on the main thread; one call to the service, which owns the tasks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from openclaw.cli.client import Client
from openclaw.cli.terminal import printable
from openclaw.config import Config

SHOWN = 100
"""Characters of a prompt in the list."""

Given = argparse.Namespace


def run(config: Config, arguments: Given) -> int:
    """Do what was asked. Raises what Client raises."""
    with Client.of(config) as client:
        value, text = _ACTIONS[arguments.action](client, arguments)
    print(json.dumps(value) if arguments.json else printable(text))
    return 0


def _list(client: Client, _arguments: Given) -> tuple[Any, str]:
    tasks = client.get("/tasks")["tasks"]
    return tasks, "\n".join(map(_line, tasks)) or "none"


def _add(client: Client, arguments: Given) -> tuple[Any, str]:
    kind = next(kind for kind in ("cron", "interval", "once") if getattr(arguments, kind) is not None)
    given = {
        "prompt": arguments.prompt,
        "schedule_type": kind,
        "schedule_value": getattr(arguments, kind),
        "timezone": arguments.timezone,
        "group": arguments.group,
        "session": arguments.session,
        "context_mode": "isolated" if arguments.isolated else None,
        "missed": arguments.missed,
    }
    task = client.post("/tasks", {key: value for key, value in given.items() if value is not None})
    return task, f"{task['id']} is scheduled, by the clocks of {task['timezone']}; it is due\n{_times(task)}"


def _pause(client: Client, arguments: Given) -> tuple[Any, str]:
    task = client.patch(_path(arguments), {"status": "paused"})
    return task, f"{task['id']} is paused; openclaw tasks resume {task['id']} has it go on"


def _resume(client: Client, arguments: Given) -> tuple[Any, str]:
    task = client.patch(_path(arguments), {"status": "active"})
    return task, f"{task['id']} goes on; it is due\n{_times(task)}"


def _cancel(client: Client, arguments: Given) -> tuple[Any, str]:
    task = client.delete(_path(arguments))
    running = f"; its run {task['running']} goes on" if "running" in task else ""
    return task, f"{task['id']} is cancelled{running}"


def _history(client: Client, arguments: Given) -> tuple[Any, str]:
    task = client.get(_path(arguments))
    return task, "\n".join([_line(task), *_runs(task)])


_ACTIONS: dict[str, Callable[[Client, Given], tuple[Any, str]]] = {
    "list": _list,
    "add": _add,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "history": _history,
}


def _path(arguments: Given) -> str:
    return f"/tasks/{quote(arguments.id, safe='')}"


def _line(task: dict[str, Any]) -> str:
    if "damaged" in task:
        return f"{task['id']}  cannot be read: {task['damaged']}"
    prompt = " ".join(task["prompt"].split())
    prompt = prompt if len(prompt) <= SHOWN else prompt[:SHOWN] + "…"
    following = f"next {task['next'][0]}" if task["next"] else task.get("reason") or "not due"
    last = f", last {task['last']['status']}" if "last" in task else ""
    schedule = f"{task['schedule_type']} {task['schedule_value']} ({task['timezone']})"
    return f"{task['id']}  {task['status']}  {task['group']}  {schedule}  {following}{last}  {prompt}"


def _times(task: dict[str, Any]) -> str:
    return "\n".join(f"    {time}" for time in task["next"])


def _runs(task: dict[str, Any]) -> Iterator[str]:
    """A line for each run, the newest first."""
    if not task["runs"]:
        yield "    it has not run yet"
    for run in task["runs"]:
        error = f"  {run['error']}" if "error" in run else ""
        yield f"    {run['due']}  {run['status']}  {run['id']}{error}"
