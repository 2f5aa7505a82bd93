"""A task as it is shown, over HTTP and to agents. Pure; times are local ones of the task's zone, with their offset."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, get_args

from openclaw.schedule.task import Status
from openclaw.schedule.timing import upcoming
from openclaw.schedule.zone import Zone

if TYPE_CHECKING:
    from openclaw.schedule.book import Book
    from openclaw.schedule.task import Run, Task

UPCOMING: Final = 3
"""Next due times of which the answer to scheduling tells."""

SHOWN: Final = 200
"""Characters of a prompt that lists show."""


def answer(task: Task) -> dict[str, Any]:
    """What who made or changed a task is told: with the next three times at which it is due."""
    value = {"id": task.id, "group": task.group, "status": task.status, "timezone": task.timezone, "next": times(task)}
    return value | ({"reason": task.reason} if task.reason else {})


def short(task: Task) -> dict[str, Any]:
    """A task in a list."""
    zone = Zone(task.timezone)
    value: dict[str, Any] = {key: getattr(task, key) for key in _SHOWN}
    value["prompt"] = brief(task.prompt)
    value["next"] = [] if task.next is None else [zone.text(task.next)]
    for key in ("sender", "reason"):
        if getattr(task, key):
            value[key] = getattr(task, key)
    if task.runs:
        value["last"] = _run(task.runs[-1], zone)
    return value


def whole(task: Task) -> dict[str, Any]:
    """A task with its history, newest first."""
    zone = Zone(task.timezone)
    runs = [_run(run, zone) for run in reversed(task.runs)]
    return {**short(task), "prompt": task.prompt, "next": times(task), "created": zone.text(task.created), "runs": runs}


def times(task: Task) -> list[str]:
    """The next due times."""
    if task.next is None:
        return []
    zone = Zone(task.timezone)
    return [zone.text(moment) for moment in (task.next, *upcoming(task.timing(), task.next, UPCOMING - 1))]


def schedule(task: Task) -> str:
    """When a task is due, for a line of the log."""
    following = "never" if task.next is None else Zone(task.timezone).words(task.next)
    return f"{task.schedule_type} {task.schedule_value!r} in {task.timezone}, next {following}"


def brief(prompt: str) -> str:
    """The beginning of a prompt."""
    return prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN]}…"


def next_of(book: Book) -> str:
    """When the next of all tasks is due, for people."""
    task = next(iter(book.waiting()), None)
    if task is None or task.next is None:
        return "none is due"
    return f"the next is {task.id}, {Zone(task.timezone).words(task.next)}"


def status(book: Book) -> dict[str, Any]:
    """How many there are; which one is due next, and when, where one is."""
    tasks = book.all()
    counts = Counter(task.status for task in tasks)
    value: dict[str, Any] = {name: counts[name] for name in get_args(Status)}
    value["running"] = sum(task.open_run() is not None for task in tasks)
    for task in book.waiting()[:1]:
        value["next"] = {"id": task.id, "at": times(task)[0]}
    return value


def _run(run: Run, zone: Zone) -> dict[str, Any]:
    value: dict[str, Any] = {"due": zone.text(run.due), "id": run.id, "status": run.status, "at": zone.text(run.at)}
    if run.ended is not None:
        value["ended"] = zone.text(run.ended)
    if run.error:
        value["error"] = run.error
    return value


_SHOWN: Final = (
    *("id", "group", "session", "prompt", "schedule_type", "schedule_value", "timezone", "context_mode", "missed"),
    *("status", "failures"),
)
