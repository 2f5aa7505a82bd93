"""The part of the HTTP API that is about scheduled tasks.

    GET    /tasks       200 {"tasks": [entry, …]}, oldest first; "damaged" says of one why it cannot be read
    POST   /tasks       201 {"id", "group", "status", "timezone", "next": [three local times]} + Location. The body:
                        {"prompt", "schedule_type", "schedule_value", "timezone"?, "context_mode"?, "missed"?, "group"?,
                        "session"?}; 400; 409 too many
    GET    /tasks/ID    200 the entry, its prompt whole, with "runs", the newest first; 404
    PATCH  /tasks/ID    the body is what changes, or {"status": "paused"} or {"status": "active"}; 200 as POST; 400; 404
    DELETE /tasks/ID    200 {"id", "status": "cancelled"}; 404

Holds no state of its own; handlers run on many connection threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from openclaw.errors import InvalidMessage, InvalidTask, TaskRefused
from openclaw.intake.exchange import Handler, Request, Response, json_response
from openclaw.intake.problems import Problem
from openclaw.message import is_name, load_object

_STATUS = ("paused", "active")
_AS_IN = '{"prompt": "…", "schedule_type": "cron", "schedule_value": "0 9 * * *"}'


class TaskFront(Protocol):
    """The tasks as the API sees them. Every method may be called from many threads at once, and raises TaskRefused."""

    def list(self) -> dict[str, Any]:
        """{"tasks": …}, each in short."""
        ...

    def show(self, task_id: str, /) -> dict[str, Any]:
        """A task with its history."""
        ...

    def add(self, given: dict[str, Any], /) -> dict[str, Any]:
        """Make a task; blocks until it is durable."""
        ...

    def change(self, task_id: str, given: dict[str, Any], /) -> dict[str, Any]:
        """Change a task; blocks until it is durable."""
        ...

    def pause(self, task_id: str, /) -> dict[str, Any]:
        """Have it run no more until it is resumed."""
        ...

    def resume(self, task_id: str, /) -> dict[str, Any]:
        """Have it run again."""
        ...

    def cancel(self, task_id: str, /) -> dict[str, Any]:
        """Take it away."""
        ...


class TaskApi:
    """Handlers for /tasks and what is below."""

    def __init__(self, front: TaskFront) -> None:
        self._front = front
        self.collection: dict[str, Handler] = {"GET": _answered(self._list), "POST": _answered(self._add)}

    def handlers(self, task_id: str) -> dict[str, Handler]:
        """By method, what handles /tasks/ID. Raises Problem where no task can have that id."""
        if not is_name(task_id):
            raise Problem(404, "GET /tasks shows the tasks with their ids.")
        handlers = {"GET": self._show, "PATCH": self._change, "DELETE": self._cancel}
        return {method: _answered(partial(handler, task_id)) for method, handler in handlers.items()}

    def _list(self, _request: Request) -> Response:
        return json_response(200, self._front.list())

    def _add(self, request: Request) -> Response:
        made = self._front.add(_object(request.body))
        return json_response(201, made, (("Location", f"/tasks/{made['id']}"),))

    def _show(self, task_id: str, _request: Request) -> Response:
        return json_response(200, self._front.show(task_id))

    def _change(self, task_id: str, request: Request) -> Response:
        given = _object(request.body)
        if "status" not in given:
            return json_response(200, self._front.change(task_id, given))
        if given["status"] not in _STATUS or len(given) > 1:
            raise InvalidTask('"status" stands alone, and is "paused" or "active"')
        act = self._front.pause if given["status"] == "paused" else self._front.resume
        return json_response(200, act(task_id))

    def _cancel(self, task_id: str, _request: Request) -> Response:
        return json_response(200, self._front.cancel(task_id))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return load_object(body)
    except InvalidMessage as error:
        raise InvalidTask(f"{error}; a task is one JSON object: {_AS_IN}") from None


def _answered(handler: Callable[[Request], Response]) -> Handler:
    """What `handler` gives; a refusal is the problem that it is."""

    def handle(request: Request) -> Response:
        try:
            return handler(request)
        except TaskRefused as refused:
            raise Problem.of(refused) from None

    return handle
