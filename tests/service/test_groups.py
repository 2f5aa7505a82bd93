"""A group's whole life in a running service: put, spoken to, changed by hand, removed."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.support.service import RunningService


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def put(service: RunningService, group: str, settings: dict[str, object]) -> int:
    return requests.put(f"{service.url}/groups/{group}", json=settings, timeout=60).status_code


def test_a_group_answers_from_the_moment_it_is_put_to_the_moment_it_is_removed(home: Path) -> None:
    with RunningService(home) as service:
        message = {"text": "hello", "group": "friends"}
        assert service.post(message).status_code == 404
        assert put(service, "friends", {}) == 201

        reply = service.post(message).json()

        assert (reply["status"], reply["group"], reply["route"]) == ("done", "friends", "dedicated")
        assert service.delete("/groups/friends").status_code == 200
        assert service.post(message).status_code == 404


def test_who_is_not_listened_to_is_refused_and_the_user_of_the_machine_never_is(home: Path) -> None:
    with RunningService(home) as service:
        put(service, "friends", {"allowed_senders": ["ann"]})

        for listened_to in ({"sender": "ann"}, {}):
            assert service.post({"text": "hello", "group": "friends", **listened_to}).status_code == 200
        refused = service.post({"text": "hello", "group": "friends", "sender": "bob"})

        assert (refused.status_code, refused.json()["title"]) == (403, "Sender refused")


def test_a_group_whose_settings_are_damaged_says_so_until_they_are_put_right(home: Path) -> None:
    with RunningService(home) as service:
        put(service, "friends", {})
        (home / "groups/friends/group.json").write_text('{"network": "all"}')

        refused = service.post({"text": "hello", "group": "friends"})

        assert (refused.status_code, refused.json()["title"]) == (500, "Group damaged")
        assert '"network" takes "none" or "bridge"' in refused.json()["detail"]
        assert put(service, "friends", {}) == 200
        assert service.post({"text": "hello", "group": "friends"}).json()["status"] == "done"


def test_a_mount_that_is_not_allowed_fails_the_message_with_what_to_do(home: Path) -> None:
    with RunningService(home, HOME=str(home.parent)) as service:
        put(service, "friends", {"mounts": [{"path": "/usr/share"}]})

        reply = service.post({"text": "hello", "group": "friends"}).json()

        assert reply["status"] == "failed"
        assert "mount-allowlist.json" in reply["error"]
