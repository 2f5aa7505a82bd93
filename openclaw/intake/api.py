"""The HTTP API: which path does what, as the contract has it.

    POST   /messages[?wait=S]      202 {"id", "status": "queued"} + Location; with wait 200 and the reply, or 202
                                   (and "detail" where a stop ended the wait)
    POST   /messages?stream=1      200 the message's events as they happen
    GET    /messages/ID/events     the same, from the event after Last-Event-ID; 204 after the last one; 404
    GET    /messages/ID[?wait=S]   200 the reply, or 200 {"id", "group", "session", "status", "attempt", "ahead"?}; 404
    DELETE /messages/ID            202 {"id", "status": "cancelling"}; 409 answered already; 404
    GET    /subagents              200 {"subagents": [{"id", "status", "task", …}]}, those that run or wait
    GET    /agents                 200 {"agents": [{"name", "group", "description", "tools", …}]}, or "error" of one
    GET    /status /healthz /readyz /metrics
    GET PUT DELETE  /groups        see group_api
    GET POST PATCH DELETE  /tasks  see task_api
    GET    / /events /times, and /failed   see page_api

Holds no state of its own; handlers run on many connection threads at once and reach the service through Front only.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import Any, Protocol

from openclaw.errors import InvalidMessage, MessageRefused
from openclaw.intake.exchange import NO_CONTENT, Handler, Headers, Request, Response, StreamedResponse, json_response
from openclaw.intake.group_api import GroupApi, GroupFront
from openclaw.intake.page_api import PageApi, View
from openclaw.intake.problems import Problem
from openclaw.intake.streams import EventReader, event_stream
from openclaw.intake.task_api import TaskApi, TaskFront
from openclaw.message import Message, is_name, is_reply_id, load_object
from openclaw.routing.desk import Receipt

MAX_WAIT_S = 3600
_WAIT = re.compile(r"wait=([0-9]{1,4}(?:\.[0-9]{1,6})?)", re.ASCII)
_MESSAGES = "/messages"
_AS_IN = """curl -d '{"text": "hello"}' …, in single quotes, which keep the double ones from the shell"""
_GROUPS = "/groups"
_TASKS = "/tasks"
_STOPPING = {"detail": "the service is stopping; the message is kept and answered after the next start"}
_FAILED = "/failed"
_SESSIONS = "/sessions"


class Front(GroupFront, Protocol):
    """The service as the API sees it. Every method may be called from many threads at once."""

    @property
    def view(self) -> View:
        """What the page is shown."""
        ...

    def accept(self, message: Message, /) -> Receipt:
        """Accept a message; blocks until it is durable. Raises MessageRefused."""
        ...

    def reply(self, message_id: str, /) -> dict[str, Any] | None:
        """The finished reply, None where there is none (yet)."""
        ...

    def progress(self, message_id: str, /) -> dict[str, Any] | None:
        """{"id", "group", "session", "status": "queued"|"running", "attempt", "ahead"?} of one in flight, else None."""
        ...

    def wait(self, message_id: str, timeout_s: float, wake: threading.Event, /) -> dict[str, Any] | None:
        """The reply as soon as there is one; None after `timeout_s`, and when `wake` is set before.

        `wake` is set by others too: the caller hung up, or the server closes. An implementation may take it as the
        very event on which it waits, and set it when the reply is there.
        """
        ...

    def events(self, message_id: str, after: str, /) -> EventReader | None:
        """What happens to a message, from the event after the one with the id `after`; None where it is unknown."""
        ...

    def cancel(self, message_id: str, /) -> bool:
        """Cancel a message; whether it was in flight."""
        ...

    def status(self) -> dict[str, Any]:
        """What runs where."""
        ...

    def subagents(self) -> list[dict[str, Any]]:
        """Every subagent that runs or waits."""
        ...

    def agents(self) -> list[dict[str, Any]]:
        """Every agent profile, Main's first; a damaged one has "error"."""
        ...

    @property
    def tasks(self) -> TaskFront:
        """The scheduled tasks."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether messages are taken, and why (not)."""
        ...

    def metrics(self) -> str:
        """Prometheus text."""
        ...


class Api:
    """Finds the handler for a method and a path."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._groups = GroupApi(front)
        self._tasks = TaskApi(front.tasks)
        self._page = PageApi(front.view)
        self._routes: dict[str, dict[str, Handler]] = {
            _MESSAGES: {"POST": self._accept},
            "/status": {"GET": self._status},
            "/subagents": {"GET": self._subagents},
            "/agents": {"GET": self._agents},
            "/healthz": {"GET": self._health},
            "/readyz": {"GET": self._readiness},
            "/metrics": {"GET": self._metrics},
            _GROUPS: {"GET": self._groups.list},
            _TASKS: self._tasks.collection,
            **self._page.routes(),
        }

    def route(self, method: str, path: str) -> Handler:
        """What handles `method` on `path`; HEAD is handled as GET. Raises Problem: 404, or 405 with Allow."""
        handlers = self._handlers(path)
        handler = handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = ", ".join([*handlers, "HEAD"] if "GET" in handlers else handlers)
            raise Problem(405, f"{path} takes {allowed}.", headers=(("Allow", allowed),))
        return handler

    def _handlers(self, path: str) -> dict[str, Handler]:
        parent, _, name = path.rpartition("/")
        if parent == _MESSAGES and is_reply_id(name):
            return {"GET": partial(self._show, name), "DELETE": partial(self._cancel, name)}
        if name == "events" and parent.startswith(_MESSAGES + "/") and is_reply_id(parent[len(_MESSAGES) + 1 :]):
            return {"GET": partial(self._events, parent[len(_MESSAGES) + 1 :])}
        if parent == _GROUPS and name:
            return self._groups.handlers(name)
        if parent == _TASKS and name:
            return self._tasks.handlers(name)
        if name == _SESSIONS[1:] and parent.startswith(_GROUPS + "/") and is_name(parent[len(_GROUPS) + 1 :]):
            return self._page.session_handlers(parent[len(_GROUPS) + 1 :], None)
        if parent == _FAILED and name:
            return self._page.failed_handlers(name)
        if parent.startswith(_GROUPS + "/") and parent.endswith(_SESSIONS) and is_name(name):
            group = parent[len(_GROUPS) + 1 : -len(_SESSIONS)]
            return self._page.session_handlers(group, name)
        try:
            return self._routes[path]
        except KeyError:
            raise Problem(404, f"There is no {path[:80]}; messages are sent by POST to {_MESSAGES}.") from None

    def _accept(self, request: Request) -> Response | StreamedResponse:
        streamed = request.query == "stream=1"
        wait_s = None if streamed else _wait_seconds(request.query)
        try:
            receipt = self._front.accept(_message(request.body))
        except MessageRefused as refused:
            raise Problem.of(refused) from None
        if streamed:
            return self._follow(receipt.id, request, (("Location", f"{_MESSAGES}/{receipt.id}"),))
        standing: dict[str, Any] = {"id": receipt.id, "status": "queued"}
        if wait_s is not None:
            reply, why_not = self._await_reply(receipt.id, wait_s, request)
            # In this order: a message that is not in flight any more has its reply by then.
            progress = None if reply is not None else self._front.progress(receipt.id)
            if progress is None and (reply := reply or self._front.reply(receipt.id)) is not None:
                return json_response(200, reply)
            standing = {**(progress or standing), **why_not}
        return json_response(202, standing, (("Location", f"{_MESSAGES}/{receipt.id}"),))

    def _events(self, message_id: str, request: Request) -> Response | StreamedResponse:
        return self._follow(message_id, request)

    def _follow(self, message_id: str, request: Request, headers: Headers = ()) -> Response | StreamedResponse:
        reader = self._front.events(message_id, request.last_event_id)
        if reader is None:
            raise _unknown(message_id)
        if reader.ended:
            return NO_CONTENT  # a browser comes back after the end of a stream, and no more after this
        return event_stream(reader, request, headers)

    def _show(self, message_id: str, request: Request) -> Response:
        wait_s = _wait_seconds(request.query) or 0.0
        reply, why_not = self._front.reply(message_id), dict[str, str]()
        if reply is None and wait_s and self._front.progress(message_id) is not None:
            reply, why_not = self._await_reply(message_id, wait_s, request)
        # In this order: a message that is not in flight any more has its reply by then.
        progress = None if reply is not None else self._front.progress(message_id)
        shown = reply if reply is not None else progress or self._front.reply(message_id)
        if shown is None:
            raise _unknown(message_id)
        if not shown:  # there, and no reply
            raise Problem(500, f"The reply is damaged: look at ipc/outbox/{message_id}.json, or send the message again")
        return json_response(200, {**shown, **why_not} if progress else shown)

    def _cancel(self, message_id: str, _request: Request) -> Response:
        if self._front.cancel(message_id):
            return json_response(202, {"id": message_id, "status": "cancelling"})
        if self._front.reply(message_id) is None:
            raise _unknown(message_id)
        raise Problem(409, f"It is answered already: GET {_MESSAGES}/{message_id} shows the reply.")

    def _await_reply(
        self, message_id: str, wait_s: float, request: Request
    ) -> tuple[dict[str, Any] | None, dict[str, str]]:
        """The reply, else None and what is to be said where it was not waited for as long as that."""
        reply = self._front.reply(message_id)
        if reply is not None or not wait_s:
            return reply, {}
        with request.watch_hangup() as hangup:
            reply = self._front.wait(message_id, wait_s, hangup)
        return reply, _STOPPING if hangup.closing else {}

    def _status(self, _request: Request) -> Response:
        return json_response(200, self._front.status())

    def _subagents(self, _request: Request) -> Response:
        return json_response(200, {"subagents": self._front.subagents()})

    def _agents(self, _request: Request) -> Response:
        return json_response(200, {"agents": self._front.agents()})

    def _health(self, _request: Request) -> Response:
        return json_response(200, {"status": "ok"})

    def _readiness(self, _request: Request) -> Response:
        ready, why = self._front.ready()
        if not ready:
            raise Problem(503, why, title="Not ready")
        return json_response(200, {"status": "ready", "detail": why})

    def _metrics(self, _request: Request) -> Response:
        return Response(200, self._front.metrics().encode(), "text/plain; version=0.0.4; charset=utf-8")


def _wait_seconds(query: str) -> float | None:
    """The seconds of `wait=S`, None where the query is empty. Raises Problem for anything else."""
    if not query:
        return None
    match = _WAIT.fullmatch(query)
    if match is None or float(match[1]) > MAX_WAIT_S:
        raise Problem(400, f"The parameter here is wait=S, S from 0 to {MAX_WAIT_S} s, or by POST stream=1.")
    return float(match[1])


def _message(body: bytes) -> Message:
    """Raises MessageRefused; where the body is no JSON object, with the call that sends one."""
    try:
        value = load_object(body)
    except InvalidMessage as error:
        raise InvalidMessage(f"{error}; a message is one JSON object: {_AS_IN}") from None
    return Message.from_json(value)


def _unknown(message_id: str) -> Problem:
    return Problem(404, f"No message {message_id} is known; replies are kept for OUTBOX_RETENTION_DAYS.")
