"""Tasks over HTTP: what each method and path asks of the scheduler, and how its refusals are told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw.errors import InvalidTask, SchedulerBusy, TaskRefused, TooManyTasks, UnknownTask
from tests.support.front import FakeFront
from tests.support.raw_http import RawClient

ID = "t0123456789"
GIVEN = {"prompt": "good morning", "schedule_type": "cron", "schedule_value": "0 9 * * *"}


def send(client: RawClient, method: str, path: str, value: Any) -> tuple[int, dict[str, Any]]:
    response = client.request(method, path, json.dumps(value).encode())
    return response.status, response.json()


def test_the_tasks_are_listed(client: RawClient) -> None:
    assert client.request("GET", "/tasks").json() == {"tasks": [{"id": ID, "status": "active"}]}


def test_one_is_made_and_its_place_is_told(client: RawClient, front: FakeFront) -> None:
    response = client.request("POST", "/tasks", json.dumps(GIVEN).encode())

    assert (response.status, response.headers["location"]) == (201, f"/tasks/{ID}")
    assert front.tasks.asked == [("add", ID, GIVEN)]


def test_one_is_shown_changed_paused_resumed_and_cancelled(client: RawClient, front: FakeFront) -> None:
    assert client.request("GET", f"/tasks/{ID}").json() == {"id": ID, "status": "show"}
    assert send(client, "PATCH", f"/tasks/{ID}", {"prompt": "good night"})[0] == 200
    assert send(client, "PATCH", f"/tasks/{ID}", {"status": "paused"})[0] == 200
    assert send(client, "PATCH", f"/tasks/{ID}", {"status": "active"})[0] == 200
    assert client.request("DELETE", f"/tasks/{ID}").json() == {"id": ID, "status": "cancel"}

    assert front.tasks.asked == [
        ("show", ID), ("change", ID, {"prompt": "good night"}), ("pause", ID), ("resume", ID), ("cancel", ID),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given", [{"status": "finished"}, {"status": "paused", "prompt": "x"}, {"status": 1}, {"status": []}]
)
def test_a_status_stands_alone_and_is_one_of_two(client: RawClient, front: FakeFront, given: dict[str, Any]) -> None:
    status, problem = send(client, "PATCH", f"/tasks/{ID}", given)

    assert (status, problem["detail"]) == (400, '"status" stands alone, and is "paused" or "active"')
    assert front.tasks.asked == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_what_is_no_object_is_refused_with_what_a_task_is(client: RawClient, body: bytes) -> None:
    for method, path in (("POST", "/tasks"), ("PATCH", f"/tasks/{ID}")):
        response = client.request(method, path, body)
        assert response.status == 400
        assert '{"prompt": "…", "schedule_type": "cron"' in response.json()["detail"]


@pytest.mark.parametrize(
    ("refused", "status", "title"),
    [
        (InvalidTask, 400, "Invalid task"),
        (UnknownTask, 404, "Unknown task"),
        (TooManyTasks, 409, "Too many tasks"),
        (SchedulerBusy, 503, "Not changed"),
    ],
)
def test_a_refusal_is_told_in_its_own_words(
    client: RawClient, front: FakeFront, refused: type[TaskRefused], status: int, title: str
) -> None:
    front.tasks.refusal = refused("this is why, and what to do")

    response = client.request("POST", "/tasks", json.dumps(GIVEN).encode())

    problem = response.json()
    assert (response.status, problem["title"], problem["detail"]) == (status, title, "this is why, and what to do")
    assert response.headers.get("retry-after") == ("1" if status == 503 else None)


@pytest.mark.parametrize("path", ["/tasks/..%2Fx", "/tasks/", "/tasks/a/b"])
def test_an_id_that_none_can_have_is_not_found(client: RawClient, path: str) -> None:
    assert client.request("GET", path).status == 404


def test_what_can_be_done_with_one_is_named(client: RawClient) -> None:
    response = client.request("PUT", f"/tasks/{ID}", b"{}")
    assert (response.status, response.headers["allow"]) == (405, "GET, PATCH, DELETE, HEAD")
