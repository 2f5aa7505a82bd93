"""Errors as the Messages API tells them."""

from __future__ import annotations

import json

import pytest

from openclaw.gateway.api_error import ApiError, render


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_status_has_the_kind_that_clients_know(status: int, kind: str) -> None:
    error = ApiError(status, "why, and what to do")

    assert json.loads(error.body) == {"type": "error", "error": {"type": kind, "message": "why, and what to do"}}
    assert ("content-type", "application/json") in error.headers


def test_too_much_at_once_says_when_to_ask_again() -> None:
    error = ApiError.overloaded("all is in use")

    assert (error.status, dict(error.headers)["retry-after"]) == (529, "1")


@pytest.mark.parametrize(("status", "line"), [(502, b"502 Bad Gateway"), (529, b"529 Overloaded"), (499, b"499 Other")])
def test_a_response_is_whole_http(status: int, line: bytes) -> None:
    data = render(status, b"{}", (("retry-after", "1"),), close=True)

    assert data == b"HTTP/1.1 " + line + b"\r\nretry-after: 1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
