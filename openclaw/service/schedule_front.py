"""ScheduleFront: the tasks as the HTTP API sees them. Called by HTTP threads, each of which waits for the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from openclaw.errors import SchedulerBusy

if TYPE_CHECKING:
    from openclaw.schedule.keeper import Keeper
    from openclaw.schedule.scheduler import Scheduler

TIMEOUT: Final = 60.0
"""Seconds to wait: the disk may take half of that, and others may be before."""


class ScheduleFront:
    """The user of this machine may see and change every task."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def list(self) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.list(None))

    def show(self, task_id: str, /) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.show(task_id, None))

    def add(self, given: dict[str, Any], /) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.add(given))

    def change(self, task_id: str, given: dict[str, Any], /) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.change(task_id, given, None))

    def pause(self, task_id: str, /) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.pause(task_id, None))

    def resume(self, task_id: str, /) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.resume(task_id, None))

    def cancel(self, task_id: str, /) -> dict[str, Any]:
        return self._asked(lambda keeper: keeper.cancel(task_id, None))

    def _asked(self, act: Callable[[Keeper], dict[str, Any]]) -> dict[str, Any]:
        try:
            return self._scheduler.ask(act).result(TIMEOUT)
        except TimeoutError:
            raise SchedulerBusy("the scheduler is slow to answer; GET /tasks shows whether it was done") from None
