"""TaskCalls: what agents may do with scheduled tasks. Main's own agent with all of them, another group's with its own.

Called from the agents' threads, which never wait: the answer comes on the scheduler's.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from openclaw.errors import CallRefused, TaskRefused
from openclaw.routing.groups import MAIN
from openclaw.schedule.request import CHANGEABLE

if TYPE_CHECKING:
    from openclaw.agents.turn import Turn
    from openclaw.message import Frame
    from openclaw.routing.agent_calls import Answer, HostTool
    from openclaw.schedule.scheduler import Scheduler

log = logging.getLogger(__name__)

TAKES: Final = (*CHANGEABLE, "group")
"""What schedule_task takes."""


class TaskCalls:
    """Answers the calls of agents that are about scheduled tasks: `tools`, by their names."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.tools: dict[str, HostTool] = {
            "schedule_task": self._schedule,
            "list_tasks": self._list,
            "update_task": self._update,
            "pause_task": self._pause,
            "resume_task": self._resume,
            "cancel_task": self._cancel,
        }

    def _schedule(self, turn: Turn, call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        whose = _rights(turn)
        own = turn.message.group
        unknown = sorted(arguments.keys() - set(TAKES))
        if unknown:
            raise CallRefused(f"schedule_task has no argument {unknown[0][:80]!r}; it takes {', '.join(TAKES)}")
        group = arguments.get("group", own)
        if whose is not None and group != own:
            raise CallRefused(f'the group {own} may schedule tasks for itself only: leave out "group"')
        if turn.cancelled:
            raise CallRefused("the message is cancelled: nothing more is scheduled for it")
        assert turn.attachment is not None
        key = (turn.attachment.channel.cid, turn.id, call.number)
        session = turn.message.session if group == own and not _is_of_a_run(turn) else "default"
        given = {**arguments, "group": group, "session": session}
        _answer(self._scheduler.ask(lambda keeper: keeper.add(given, key, turn.message.sender)), answer)

    def _list(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        whose = _rights(turn)
        if arguments:
            raise CallRefused("list_tasks takes no arguments")
        _answer(self._scheduler.ask(lambda keeper: keeper.list(whose)), answer)

    def _update(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        whose = _rights(turn)
        given = dict(arguments)
        task_id = given.pop("id", None)
        if not isinstance(task_id, str):
            raise CallRefused(f'update_task takes "id", as in list_tasks, and what changes: {", ".join(CHANGEABLE)}')
        _answer(self._scheduler.ask(lambda keeper: keeper.change(task_id, given, whose, turn.message.sender)), answer)

    def _pause(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        whose, task_id = _rights(turn), _only_id(arguments)
        _answer(self._scheduler.ask(lambda keeper: keeper.pause(task_id, whose)), answer)

    def _resume(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        whose, task_id = _rights(turn), _only_id(arguments)
        _answer(self._scheduler.ask(lambda keeper: keeper.resume(task_id, whose)), answer)

    def _cancel(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        whose, task_id = _rights(turn), _only_id(arguments)
        _answer(self._scheduler.ask(lambda keeper: keeper.cancel(task_id, whose)), answer)


def _rights(turn: Turn) -> str | None:
    """The group whose tasks the turn may see and change, None for all. Raises CallRefused for a subagent."""
    if turn.parent:
        raise CallRefused("a subagent works alone: it may not schedule, see or change tasks; say it in your answer")
    return None if turn.message.group == MAIN else turn.message.group


def _is_of_a_run(turn: Turn) -> bool:
    """Whether the turn is a run in a session of its own, in which nobody will ever be again."""
    return turn.message.session == turn.id


def _only_id(arguments: dict[str, Any]) -> str:
    task_id = arguments.get("id")
    if set(arguments) != {"id"} or not isinstance(task_id, str):
        raise CallRefused('the only argument is "id", a task\'s id as list_tasks shows it')
    return task_id


def _answer(asked: Future[dict[str, Any]], answer: Answer) -> None:
    asked.add_done_callback(lambda done: answer(_result(done)))


def _result(done: Future[dict[str, Any]]) -> dict[str, Any]:
    error = done.exception()
    if error is None:
        return {"value": done.result()}
    if isinstance(error, TaskRefused):
        return {"error": str(error)}
    log.error("what an agent asked about tasks could not be done", exc_info=error)
    return {"error": "an internal error, which logs/app.log tells; try again"}


