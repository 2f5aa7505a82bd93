"""`/tasks` in a message, for every engine: what is said of scheduled tasks, and what is done with one.

Pure but for the host's calls; whatever raises CallRefused or TurnCancelled here comes from those.
"""

from __future__ import annotations

from typing import Any, Final

from agent_runner.engines.engine import Host

ARGUMENTS: Final = "[pause|resume|cancel ID]"
SHOWN: Final = 200
"""Characters of a prompt, or of an error, that are shown."""

_ACTS: Final = ("pause", "resume", "cancel")


def command(host: Host, rest: str) -> str | None:
    """What `/tasks REST` says; None where it is used wrongly."""
    words = rest.split()
    if not words:
        return listed(host)
    if len(words) != 2 or words[0] not in _ACTS:
        return None
    task = host.call(f"{words[0]}_task", {"id": words[1]})
    return f"{task['id']} is {task['status']}{_next(task)}."


def listed(host: Host) -> str:
    """The tasks, a line each."""
    tasks = host.call("list_tasks", {})["tasks"]
    return "\n".join(map(_line, tasks)) or "No task is scheduled."


def scheduled(host: Host, kind: str, value: str, prompt: str) -> str:
    """Have a task made."""
    given = {"prompt": prompt, "schedule_type": kind, "schedule_value": value}
    task = host.call("schedule_task", given)
    return f"{task['id']} is {task['status']} ({task['timezone']}){_next(task)}."


def _line(task: dict[str, Any]) -> str:
    if "damaged" in task:
        return f"{task['id']} cannot be read: {_short(task['damaged'])}"
    of = "" if task["group"] == "main" else f" of {task['group']}"
    reason = f" since {task['reason']}" if task.get("reason") else ""
    last = task.get("last")
    ended = f"; last {last['due']}: {last['status']}" if last else ""
    schedule = f"{task['schedule_type']} {task['schedule_value']} {task['timezone']}"
    return f"{task['id']}{of} is {task['status']}{reason} ({schedule}){_next(task)}{ended}: {_short(task['prompt'])}"


def _next(task: dict[str, Any]) -> str:
    times = task.get("next") or []
    return f", next {', '.join(times)}" if times else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[:SHOWN] + "…"
