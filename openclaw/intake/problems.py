"""Errors as HTTP tells them: application/problem+json (RFC 9457), with a detail that says what to do.

Pure values without state; raised and rendered on connection threads.
"""

from __future__ import annotations

from http import HTTPStatus

from openclaw.errors import GroupRefused, MessageRefused, NotDurable, OpenClawError, TaskRefused
from openclaw.http.framing import BadRequest
from openclaw.intake.exchange import Headers, Response
from openclaw.message import dump_bytes

_RETRY_LATER = (("Retry-After", "1"),)


class Problem(OpenClawError):
    """A request that is not served. `title` is the problem's short name, empty for the status' own phrase."""

    def __init__(self, status: int, detail: str, *, title: str = "", headers: Headers = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.headers = headers

    @classmethod
    def of(cls, refused: MessageRefused | GroupRefused | TaskRefused | BadRequest) -> Problem:
        """The problem that a refusal is. What passes by itself (429, 503) says when to try again."""
        headers = _RETRY_LATER if refused.status in (429, 503) else ()
        title = "" if isinstance(refused, BadRequest) else refused.title
        again = "; then send it again" if isinstance(refused, NotDurable) and refused.again else ""
        return cls(refused.status, f"{refused}{again}", title=title, headers=headers)

    def response(self) -> Response:
        """`{"type": "about:blank", "title", "status", "detail"}`"""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return Response(self.status, dump_bytes(body), "application/problem+json", self.headers)


OVERLOADED = Problem(
    503, "All connections are in use: close those that you no longer need and try again.", headers=_RETRY_LATER
)
