"""Refusals as RFC 9457 writes them."""

from __future__ import annotations

import json

import pytest

from openclaw.errors import GroupProtected, GroupRefused, InvalidGroup, MessageRefused, NotDurable, QueueFull
from openclaw.http.framing import BadRequest
from openclaw.intake.problems import OVERLOADED, Problem


def test_a_problem_says_what_is_wrong_in_json() -> None:
    response = Problem(404, "There is no such thing; look elsewhere.", headers=(("X", "y"),)).response()

    assert (response.status, response.headers) == (404, (("X", "y"),))
    assert response.content_type == "application/problem+json"
    assert json.loads(response.body) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such thing; look elsewhere.",
    }


def test_it_may_have_a_title_of_its_own() -> None:
    assert json.loads(Problem(503, "wait", title="Not ready").response().body)["title"] == "Not ready"


@pytest.mark.parametrize(
    ("refused", "status", "title", "passes"),
    [
        (MessageRefused, 400, "Message refused", False),
        (QueueFull, 429, "Queue full", True),
        (NotDurable, 503, "Not stored", True),
        (GroupRefused, 400, "Group refused", False),
        (InvalidGroup, 400, "Invalid group", False),
        (GroupProtected, 403, "Group protected", False),
    ],
)
def test_a_refusal_of_the_service_is_one_and_says_when_to_try_again_where_that_helps(
    refused: type[MessageRefused] | type[GroupRefused], status: int, title: str, passes: bool
) -> None:
    problem = Problem.of(refused("why"))

    assert (problem.status, problem.title) == (status, title)
    assert problem.detail == ("why; then send it again" if refused is NotDurable else "why")
    assert problem.headers == ((("Retry-After", "1"),) if passes else ())


def test_what_the_disk_would_not_take_under_this_id_is_not_to_be_sent_again() -> None:
    assert Problem.of(NotDurable("send it under another id", again=False)).detail == "send it under another id"


def test_a_request_that_is_not_read_on_is_one_under_the_name_of_its_status() -> None:
    problem = Problem.of(BadRequest(411, "Send a length."))

    assert (problem.status, problem.title, problem.detail) == (411, "Length Required", "Send a length.")


def test_who_finds_no_place_is_told_to_come_again() -> None:
    assert (OVERLOADED.status, OVERLOADED.headers) == (503, (("Retry-After", "1"),))
