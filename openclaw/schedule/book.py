"""The book: the tasks of this process. It says what may be added or changed, and what is due; it writes nothing.

One thread changes it, the scheduler's; any thread may look. One lock guards the table; tasks themselves never change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from openclaw.errors import InvalidTask, MessageRefused, TooManyTasks, UnknownTask
from openclaw.schedule.request import CHANGEABLE, KEYS, NEEDED, check
from openclaw.schedule.task import Task
from openclaw.schedule.timing import Once
from openclaw.schedule.zone import Zone

MAX_OF_GROUP: Final = 100
"""Tasks of a group that are active or paused."""

MAX_TASKS: Final = 1000
"""The same of all groups."""

MAX_FINISHED: Final = 200
"""Tasks that are over and still shown; beyond that the oldest go."""

_SCHEDULE: Final = ("schedule_type", "schedule_value", "timezone")


class Book:
    """`zone` names the zone of tasks that name none; `check_group` raises a MessageRefused for a group that is not."""

    def __init__(self, *, zone: Callable[[], str], check_group: Callable[[str], object]) -> None:
        self._zone = zone
        self._check_group = check_group
        self._lock = threading.Lock()
        # Guarded by _lock: the table.
        self._tasks: dict[str, Task] = {}

    # Looking

    def get(self, task_id: str, whose: str | None = None) -> Task:
        """Raises UnknownTask, also where the task is another group's than `whose`."""
        with self._lock:
            task = self._tasks.get(task_id)
        if task is None or whose not in (None, task.group):
            raise UnknownTask(f"there is no task {task_id[:80]!r}; `openclaw tasks` and list_tasks name them all")
        return task

    def all(self, whose: str | None = None) -> list[Task]:
        """Those of a group, or of all, in the order in which they were made."""
        with self._lock:
            tasks = list(self._tasks.values())
        return sorted((task for task in tasks if whose in (None, task.group)), key=lambda task: (task.created, task.id))

    def due(self, now: float) -> list[Task]:
        """What is due, the longest first."""
        return [task for task in self.waiting() if task.next is not None and task.next <= now]

    def next_due(self) -> int | None:
        """When something is due next."""
        return next((task.next for task in self.waiting()), None)

    def waiting(self) -> list[Task]:
        """Those that come due, the next one first."""
        waiting = [task for task in self.all() if task.status == "active" and task.next is not None]
        return sorted(waiting, key=lambda task: task.next or 0)

    # What may be done; each gives the task as it would be

    def new(
        self, task_id: str, given: dict[str, Any], now: int, call: tuple[str, str, int] | None = None, sender: str = ""
    ) -> Task:
        """Raises TaskRefused."""
        given = check(given, KEYS, NEEDED)
        group = given.get("group", "main")
        self._has_group(group)
        self._has_room(group)
        values: dict[str, Any] = {key: given[key] for key in CHANGEABLE if key in given}
        values.setdefault("timezone", "")
        values["timezone"] = values["timezone"] or self._zone()
        session = given.get("session", "default")
        return _started(Task(task_id, group, session, created=now, anchor=now, call=call, sender=sender, **values), now)

    def changed(self, task: Task, given: dict[str, Any], now: int, sender: str = "") -> Task:
        """With other words, which are `sender`'s, or another schedule, which then begins anew. Raises TaskRefused."""
        changes: dict[str, Any] = dict(check(given, CHANGEABLE))
        if not changes:
            raise InvalidTask(f"say what is to change: {', '.join(CHANGEABLE)}")
        if "prompt" in changes:
            changes["sender"] = sender
        if "timezone" in changes:
            changes["timezone"] = changes["timezone"] or self._zone()
        if not changes.keys() & set(_SCHEDULE):
            return replace(task, **changes)
        if task.status == "paused":
            fresh = replace(task, **changes, anchor=now)
            fresh.timing()
            return fresh
        if task.status == "finished":
            self._has_room(task.group)
        return _started(replace(task, **changes, anchor=now, failures=0), now)

    def paused(self, task: Task, reason: str = "") -> Task:
        """Raises TaskRefused."""
        if task.status == "finished":
            raise InvalidTask(f"the task {task.id} is over; a new schedule_value begins it again")
        return replace(task, status="paused", next=None, reason=reason)

    def resumed(self, task: Task, now: int) -> Task:
        """What came due meanwhile is not made up. Raises TaskRefused."""
        if task.status == "active":
            return task
        self._has_group(task.group)
        following = task.after(now)
        if following is None:
            raise InvalidTask(f"the time of the task {task.id} is past; give it a new schedule_value")
        return replace(task, status="active", next=following, reason="", failures=0)

    def _has_room(self, group: str) -> None:
        alive = [task for task in self.all() if task.status != "finished"]
        if sum(task.group == group for task in alive) >= MAX_OF_GROUP or len(alive) >= MAX_TASKS:
            raise TooManyTasks(
                f"a group has at most {MAX_OF_GROUP} tasks, all groups together {MAX_TASKS}: cancel some first"
            )

    def _has_group(self, group: str) -> None:
        try:
            self._check_group(group)
        except MessageRefused as refused:
            raise InvalidTask(str(refused)) from None

    # Changed by the scheduler's thread, once it is on the disk

    def put(self, task: Task) -> None:
        with self._lock:
            self._tasks[task.id] = task

    def drop(self, task_id: str) -> None:
        with self._lock:
            self._tasks.pop(task_id, None)

    def surplus(self) -> list[Task]:
        """Tasks that are over and of which there are too many, the oldest."""
        over = [task for task in self.all() if task.status == "finished" and task.runs and task.open_run() is None]
        return sorted(over, key=lambda task: task.runs[-1].at)[: max(0, len(over) - MAX_FINISHED)]


def _started(task: Task, now: int) -> Task:
    """Active from `now` on, with its first due time. Raises InvalidTask where there is none."""
    timing = task.timing()
    following = timing.at if isinstance(timing, Once) and timing.at == now else task.after(now)
    if following is None:
        shown = Zone(task.timezone).words(now)
        raise InvalidTask(f"{task.schedule_value[:40]} is past: it is {shown}; give a time that is to come")
    return replace(task, status="active", next=following, reason="")
