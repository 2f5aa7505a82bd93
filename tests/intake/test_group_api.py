"""Groups over HTTP: shown, put and removed, with the real files behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.group_config import GroupConfig
from tests.support.front import FakeFront
from tests.support.raw_http import RawClient

DEFAULTS = GroupConfig().to_json()


@pytest.fixture
def front(tmp_path: Path) -> FakeFront:
    return FakeFront(tmp_path)


def put(client: RawClient, name: str, settings: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = client.request("PUT", f"/groups/{name}", json.dumps(settings).encode())
    return response.status, response.json()


def test_a_group_that_is_put_is_there_with_its_defaults(client: RawClient, tmp_path: Path) -> None:
    entry = {"name": "friends", "folder": str(tmp_path / "friends"), **DEFAULTS}

    assert put(client, "friends", {}) == (201, entry)
    assert client.request("GET", "/groups/friends").json() == entry
    assert [group["name"] for group in client.request("GET", "/groups").json()["groups"]] == ["main", "friends"]


def test_putting_it_again_replaces_its_settings(client: RawClient) -> None:
    put(client, "friends", {"network": "bridge", "trigger": "@Claw"})

    status, entry = put(client, "friends", {"trigger": "@Claw", "allowed_senders": ["ann"]})

    assert status == 200
    assert (entry["network"], entry["trigger"], entry["allowed_senders"]) == ("none", "@Claw", ["ann"])


def test_a_removed_group_is_gone_and_its_folder_is_not(client: RawClient, tmp_path: Path) -> None:
    put(client, "friends", {})

    response = client.request("DELETE", "/groups/friends")

    assert (response.status, response.json()) == (200, {"name": "friends", "status": "removed"})
    assert client.request("GET", "/groups/friends").status == 404
    assert client.request("DELETE", "/groups/friends").status == 404
    assert (tmp_path / "friends/CLAUDE.md").exists()


def test_a_damaged_group_is_shown_as_one(client: RawClient, tmp_path: Path) -> None:
    put(client, "friends", {})
    (tmp_path / "friends/group.json").write_text('{"network": "host"}')

    _, friends = client.request("GET", "/groups").json()["groups"]

    assert "network" not in friends
    assert '"network" takes "none" or "bridge"' in friends["damaged"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "{}"),
        (b"{", "not valid JSON"),
        (b"[]", "no JSON object"),
        (b'{"network": "host"}', '"network" takes'),
        (b'{"colour": "red"}', "'colour'"),
    ],
)
def test_settings_that_are_none_are_refused_by_what_is_wrong(client: RawClient, body: bytes, named: str) -> None:
    response = client.request("PUT", "/groups/friends", body)

    assert (response.status, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["title"] == "Invalid group"
    assert named in response.json()["detail"]
    assert client.request("GET", "/groups/friends").status == 404


@pytest.mark.parametrize(("method", "name"), [("DELETE", "main"), ("DELETE", "global"), ("PUT", "global")])
def test_main_and_global_are_protected(client: RawClient, method: str, name: str) -> None:
    response = client.request(method, f"/groups/{name}", b"{}")

    assert (response.status, response.json()["title"]) == (403, "Group protected")


def test_main_takes_settings(client: RawClient) -> None:
    assert put(client, "main", {"memory_mb": 2048})[0] == 200
    assert client.request("GET", "/groups/main").json()["memory_mb"] == 2048


@pytest.mark.parametrize("name", ["a.b", "%2e%2e", "-x", "x" * 65, "a/b"])
def test_a_name_that_no_group_can_have_is_not_found(client: RawClient, tmp_path: Path, name: str) -> None:
    assert client.request("PUT", f"/groups/{name}", b"{}").status == 404
    assert list(tmp_path.iterdir()) == []


def test_what_a_disk_does_not_take_is_said_to_come_again(client: RawClient, tmp_path: Path) -> None:
    (tmp_path / "friends").touch()

    response = client.request("PUT", "/groups/friends", b"{}")

    assert (response.status, response.headers["retry-after"]) == (503, "1")


def test_other_methods_are_told_which_there_are(client: RawClient) -> None:
    response = client.request("POST", "/groups/friends", b"{}")

    assert (response.status, response.headers["allow"]) == (405, "GET, PUT, DELETE, HEAD")
