"""The page, and the part of the HTTP API that is there for it.

    GET    /               the page; 304 where If-None-Match has its tag
    GET    /events         server-sent events: `now`, `times`, `failed` and `groups`, each at first and when it changes
    GET    /times          200 {"period_s", "now", "rows": [{"at", "route", "count", "failed", "tokens", "prepTime":
                           {"p50", "p95"}, "agentTime", "totalTime"}, …]}, of twelve hours, in ms, by period and route
    GET    /failed         200 {"failed": [{"key", "file", "title", "status", "detail", "at", "size"?}, …], "more"}
    POST   /failed/KEY     202 {"key", "status": "retried"}: back in ipc/inbox; 404; 409
    DELETE /failed/KEY     200 {"key", "status": "removed"}; 404; 409
    GET    /groups/NAME/sessions            200 {"group", "sessions": [{"session", "at"}, …]}, the latest first
    GET    /groups/NAME/sessions/SESSION
                           200 {"group", "session", "turns": [{"id", "at", "asked", "text"}, …], "whole"}

`now` is {"status": as /status has it, "turns": [{"id", "group", "session", "status", …}, …], "more": count,
"recent": [those that were answered last]}, `times` the period that runs now,
`failed` and `groups` that there is something to ask for.

Holds no state of its own; handlers run on many connection threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from openclaw import page
from openclaw.errors import MessageRefused
from openclaw.intake.exchange import Handler, Request, Response, StreamedResponse, json_response
from openclaw.intake.problems import Problem
from openclaw.intake.streams import EventReader, event_stream


class View(Protocol):
    """What the page is shown. Every method may be called from many threads at once."""

    def live(self) -> EventReader:
        """The state of things, from now on."""
        ...

    def times(self) -> dict[str, Any]:
        """How long replies took over the last hours."""
        ...

    def failed(self) -> dict[str, Any]:
        """The dropped files that could not be taken."""
        ...

    def failed_retry(self, key: str, /) -> bool:
        """Put one back into the inbox; whether it was there. Raises OSError."""
        ...

    def failed_remove(self, key: str, /) -> bool:
        """Throw one away; whether it was there. Raises OSError."""
        ...

    def sessions(self, group: str, /) -> dict[str, Any]:
        """Which sessions a group keeps. Raises MessageRefused, or OSError."""
        ...

    def session(self, group: str, session: str, /) -> dict[str, Any]:
        """What a session keeps. Raises MessageRefused, or OSError."""
        ...


class PageApi:
    """Handlers for the page and what it asks for."""

    def __init__(self, view: View) -> None:
        self._view = view

    def routes(self) -> dict[str, dict[str, Handler]]:
        """By path and method."""
        return {
            "/": {"GET": _page},
            "/events": {"GET": self._events},
            "/times": {"GET": self._times},
            "/failed": {"GET": self._failed},
        }

    def failed_handlers(self, key: str) -> dict[str, Handler]:
        """By method, what handles /failed/KEY."""
        return {"POST": partial(self._retry, key), "DELETE": partial(self._remove, key)}

    def session_handlers(self, group: str, session: str | None) -> dict[str, Handler]:
        """By method, what handles /groups/NAME/sessions/SESSION, or all of them without one."""
        if session is None:
            return {"GET": partial(_read, partial(self._view.sessions, group))}
        return {"GET": partial(_read, partial(self._view.session, group, session))}

    def _events(self, request: Request) -> StreamedResponse:
        return event_stream(self._view.live(), request)

    def _times(self, _request: Request) -> Response:
        return json_response(200, self._view.times())

    def _failed(self, _request: Request) -> Response:
        return json_response(200, self._view.failed())

    def _retry(self, key: str, _request: Request) -> Response:
        try:
            found = self._view.failed_retry(key)
        except OSError as error:
            raise Problem(409, f"It cannot go back to ipc/inbox: {_why(error)}. Move it there by hand.") from None
        if not found:
            raise _gone()
        return json_response(202, {"key": key, "status": "retried"})

    def _remove(self, key: str, _request: Request) -> Response:
        try:
            found = self._view.failed_remove(key)
        except OSError as error:
            raise Problem(409, f"It cannot be removed: {_why(error)}. Look into ipc/failed.") from None
        if not found:
            raise _gone()
        return json_response(200, {"key": key, "status": "removed"})


def _read(read: Callable[[], dict[str, Any]], _request: Request) -> Response:
    try:
        return json_response(200, read())
    except MessageRefused as refused:
        raise Problem.of(refused) from None
    except OSError as error:
        raise Problem(500, f"The group's sessions cannot be read: {_why(error)}.") from None


def _page(request: Request) -> Response:
    document = page.load()
    headers = (
        ("Cache-Control", "no-cache"),
        ("ETag", document.etag),
        ("Content-Security-Policy", document.policy),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
    if document.etag in (tag.strip().removeprefix("W/") for tag in request.if_none_match.split(",")):
        return Response(304, b"", "text/html; charset=utf-8", headers)
    return Response(200, document.body, "text/html; charset=utf-8", headers)


def _gone() -> Problem:
    return Problem(404, "There is no such file in ipc/failed any more.")


def _why(error: OSError) -> str:
    return error.strerror or str(error)
