"""The keeper: does what people and agents ask of tasks. Called by the scheduler's thread alone, as its runs are."""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Any

from openclaw.schedule import shown
from openclaw.schedule.runs import Runs, Ways

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.schedule.book import Book
    from openclaw.schedule.store import TaskStore
    from openclaw.schedule.task import Task

log = logging.getLogger(__name__)


class Keeper:
    """The tasks of `book`, as `store` has them, and their `runs`."""

    def __init__(self, book: Book, store: TaskStore, ways: Ways, clock: Clock) -> None:
        self.book = book
        self.runs = Runs(book, store, ways, clock)
        self._store = store
        self._clock = clock
        self._damaged: dict[str, str] = {}  # what is wrong with files that cannot be read, by their id

    def begin(self) -> None:
        """Take up what the last process left. Raises OSError where the tasks cannot be read."""
        kept = self._store.load()
        self._damaged = kept.damaged
        self.runs.take_up(kept.tasks)
        if kept.tasks:
            log.info("%d scheduled tasks are known; %s", len(kept.tasks), shown.next_of(self.book))

    # Each raises TaskRefused, and then nothing has changed

    def add(
        self, given: dict[str, Any], call: tuple[str, str, int] | None = None, sender: str = ""
    ) -> dict[str, Any]:
        """Make a task, whose prompt `sender` wants asked. The same call again gives the same one."""
        made = next((task for task in self.book.all() if call is not None and task.call == call), None)
        if made is None:
            task_id = f"t{hashlib.sha256(repr(call).encode()).hexdigest()[:10] if call else secrets.token_hex(5)}"
            made = self._stored(self.book.new(task_id, given, self._now(), call, sender))
            log.info("The group %s has the new task %s: %s", made.group, made.id, shown.schedule(made))
        return shown.answer(made)

    def change(self, task_id: str, given: dict[str, Any], whose: str | None, sender: str = "") -> dict[str, Any]:
        """Give a task other words, which are `sender`'s then, or another schedule."""
        changed = self.book.changed(self.book.get(task_id, whose), given, self._now(), sender)
        return shown.answer(self._stored(changed))

    def pause(self, task_id: str, whose: str | None) -> dict[str, Any]:
        """Have a task run no more until it is resumed; what runs goes on."""
        return shown.answer(self._stored(self.book.paused(self.book.get(task_id, whose))))

    def resume(self, task_id: str, whose: str | None) -> dict[str, Any]:
        """Have a paused task run again, from its next due time on."""
        return shown.answer(self._stored(self.book.resumed(self.book.get(task_id, whose), self._now())))

    def cancel(self, task_id: str, whose: str | None) -> dict[str, Any]:
        """Take a task away, with its history; what runs goes on."""
        if whose is None and task_id in self._damaged:
            self._store.remove(task_id)
            del self._damaged[task_id]
            return {"id": task_id, "status": "cancelled"}
        task = self.book.get(task_id, whose)
        self._store.remove(task.id)
        self.book.drop(task.id)
        log.info("The task %s of the group %s is cancelled", task.id, task.group)
        self.runs.forget(task, task.runs)
        running = task.open_run()
        return {"id": task.id, "status": "cancelled", **({"running": running.id} if running is not None else {})}

    def show(self, task_id: str, whose: str | None) -> dict[str, Any]:
        """A task with its history."""
        return shown.whole(self.book.get(task_id, whose))

    def list(self, whose: str | None) -> dict[str, Any]:
        """The tasks of a group, or of all, each in short; and the files that cannot be read, for who sees all."""
        tasks = [shown.short(task) for task in self.book.all(whose)]
        damaged = [{"id": task_id, "damaged": why} for task_id, why in self._damaged.items()] if whose is None else []
        return {"tasks": tasks + damaged}

    # Within

    def _now(self) -> int:
        return int(self._clock.time())

    def _stored(self, task: Task) -> Task:
        """The task, now that it is on the disk. Raises SchedulerBusy."""
        (error,) = self._store.save([task])
        if error is not None:
            raise error
        self.book.put(task)
        return task
