"""The store: each task as `ipc/tasks/ID.json`, durable when it is said. Used by the scheduler's thread alone."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, NamedTuple

from openclaw.errors import FileRefused, InvalidTask, NotDurable, SchedulerBusy
from openclaw.message import dump_bytes, load_object
from openclaw.schedule.task import DAMAGE, Task

if TYPE_CHECKING:
    from openclaw.spool import Committer, DropDir

log = logging.getLogger(__name__)

MAX_FILE: Final = 1024 * 1024
"""Largest file in bytes that is read: a prompt of 16 KiB, escaped, and a hundred runs with an error each."""

_TIMEOUT: Final = 30.0
"""Seconds that the disk may take."""


class Kept(NamedTuple):
    """What the store holds: the tasks, and what is wrong with files that cannot be read, by their id."""

    tasks: list[Task]
    damaged: dict[str, str]


class TaskStore:
    """The files in `directory`, of which this is the only writer."""

    def __init__(self, directory: DropDir, committer: Committer) -> None:
        self._directory = directory
        self._committer = committer

    def load(self) -> Kept:
        """A file that cannot be read is left where it is, and said. Raises OSError where the directory cannot be."""
        kept = Kept([], {})
        for name in self._directory.names():
            task_id = name.removesuffix(".json")
            try:
                kept.tasks.append(Task.from_json(load_object(self._directory.read(name, MAX_FILE).data), task_id))
            except (*DAMAGE, InvalidTask, FileRefused, OSError) as error:
                why = str(error) if not isinstance(error, KeyError) else f"it has no {error}"
                log.error("ipc/tasks/%s cannot be read and does not run; mend or remove it: %s", name, why)
                kept.damaged[task_id] = why
        return kept

    def save(self, tasks: list[Task]) -> list[SchedulerBusy | None]:
        """Write all of them in one commit, and wait for it: for each None, or why the disk did not take it."""
        return [_outcome(one) for one in [self._publish(task) for task in tasks]]

    def remove(self, task_id: str) -> None:
        """Raises SchedulerBusy where that cannot be made durable."""
        try:
            self._directory.remove(f"{task_id}.json")
            self._directory.sync_entries()
        except OSError as error:
            raise SchedulerBusy(f"ipc/tasks/{task_id}.json cannot be removed: {error.strerror}") from error

    def _publish(self, task: Task) -> Future[None]:
        return self._committer.publish(self._directory, f"{task.id}.json", dump_bytes(task.to_json()), replace=True)


def _outcome(stored: Future[None]) -> SchedulerBusy | None:
    try:
        stored.result(_TIMEOUT)
    except NotDurable as error:
        return SchedulerBusy(f"{error}; then ask again")
    except TimeoutError:
        return SchedulerBusy(f"the disk has not taken it within {_TIMEOUT:.0f} s; look whether it was done")
    return None
