"""Errors as the Messages API tells them, so that a container needs to understand one form only.

    {"type": "error", "error": {"type": "overloaded_error", "message": "…"}}

The kinds and their statuses: https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from openclaw.errors import OpenClawError
from openclaw.message import dump_bytes

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OVERLOADED = 529
"""What the API answers while it has too much to do; HTTP itself has no such status."""

Headers = tuple[tuple[str, str], ...]

HINT_FIELD: Final = "x-openclaw-hint"
"""The field that tells a container what its owner should check where the API answers with an error."""

OWN_FIELD: Final = "x-openclaw-own"
"""The field that tells a container that an error is the gateway's own word: its text says all, its status nothing."""


class ApiError(OpenClawError):
    """An answer that says why there is no other. Its text is for the agent and its owner; it never holds a key."""

    def __init__(self, status: int, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers: Headers = (("content-type", "application/json"), *headers)

    @classmethod
    def overloaded(cls, message: str) -> ApiError:
        """Too much at once: worth another try in a second."""
        return cls(_OVERLOADED, message, (("retry-after", "1"),))

    @property
    def body(self) -> bytes:
        kind = _KINDS.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error")
        return dump_bytes({"type": "error", "error": {"type": kind, "message": str(self)}})


def render(status: int, body: bytes, headers: Headers, *, close: bool) -> bytes:
    """A whole response, in one piece."""
    return render_head(status, (*headers, ("content-length", str(len(body)))), close=close) + body


def render_head(status: int, headers: Headers, *, close: bool) -> bytes:
    """The bytes before the body."""
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in headers)]
    if close:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded" if status == _OVERLOADED else "Other"
