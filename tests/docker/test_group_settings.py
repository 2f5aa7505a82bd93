"""A container writes no settings that last: also where the mount over group.json is gone, as it is for each here."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.agents.group_config import GroupConfig
from tests.docker.subagents import SuspiciousService, reply_to, spawn
from tests.support.begun import wait_until_begun
from tests.support.log_lines import LogLines
from tests.support.service import RunningService
from tests.support.until import until

HOSTILE = '{"network": "bridge"}'
WRITE = (
    f"echo '{HOSTILE}' > .own; until cp .own group.json || {{ cp .own .x; mv -f .x group.json; }}; do sleep 0.02; done"
    " 2> /dev/null; cat group.json"
)
"""Done as soon as nothing lies over the file any more, whoever owns it."""


def replace(file: Path, text: str) -> None:
    """As most editors do it."""
    file.with_name(".fresh").write_text(text)
    file.with_name(".fresh").rename(file)


def by_hand(_: RunningService, file: Path) -> None:
    replace(file, '{"pids": 99}')


def by_put(service: RunningService, _: Path) -> None:
    service.put("/groups/friends", {"pids": 99})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def file(home: Path) -> Path:
    file = home / "groups/friends/group.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"pids": 98}')
    return file


def run(service: RunningService, command: str, group: str = "friends") -> str:
    return str(service.post({"text": f"/run {command}", "group": group}).json()["text"])


@pytest.mark.parametrize(("change", "pids"), [(by_hand, 98), (by_put, 99)])
def test_what_a_container_writes_while_its_settings_are_changed_never_holds(
    home: Path, file: Path, settings: dict[str, str], change: Callable[[RunningService, Path], None], pids: int
) -> None:
    with RunningService(home, **settings) as service:
        service.post({"text": f"/run {WRITE}", "id": "hostile", "group": "friends"}, "")
        wait_until_begun(home, "hostile")
        change(service, file)

        assert reply_to(service, "hostile")["text"].startswith(HOSTILE), "it could not write: there is nothing to see"

        shown = service.get("/groups/friends").json()
        assert (shown["network"], shown["pids"]) == ("none", pids)
        assert run(service, "ls /sys/class/net") == "lo\n(exit code 0)"
        assert service.stop() == 0
    assert GroupConfig.from_json(json.loads(file.read_text())) == GroupConfig(pids=pids)
    with RunningService(home, **settings) as service:
        assert service.get("/groups/friends").json()["network"] == "none"
        replace(file, HOSTILE)
        assert service.get("/groups/friends").json()["network"] == "bridge", "the user's own hand"


def test_a_group_that_is_taken_away_is_not_registered_again_by_its_container(
    home: Path, file: Path, settings: dict[str, str]
) -> None:
    with RunningService(home, **settings) as service:
        service.post({"text": f"/run {WRITE}", "id": "hostile", "group": "friends"}, "")
        wait_until_begun(home, "hostile")
        service.delete("/groups/friends")

        assert reply_to(service, "hostile")["text"].startswith(HOSTILE), "it could not write: there is nothing to see"

        assert service.get("/groups/friends").status_code == 404
        assert service.stop() == 0
    with RunningService(home, **settings) as service:
        assert service.get("/groups/friends").status_code == 404


def test_what_it_writes_does_not_outlive_the_service_that_was_killed(
    home: Path, file: Path, settings: dict[str, str]
) -> None:
    with SuspiciousService(home, **settings) as service:
        service.post({"text": f"/run {WRITE}; sleep 2", "id": "hostile", "group": "friends"}, "")
        wait_until_begun(home, "hostile")
        service.kill()
        replace(file, '{"pids": 99}')
    with RunningService(home, **settings) as service:
        assert reply_to(service, "hostile")["text"].startswith(HOSTILE), "it could not write: there is nothing to see"
        assert service.get("/groups/friends").json()["network"] == "none"
        assert run(service, "ls /sys/class/net") == "lo\n(exit code 0)"


def test_a_change_in_place_holds_while_a_container_tries_to_make_its_own(
    home: Path, file: Path, settings: dict[str, str]
) -> None:
    with RunningService(home, **settings) as service:
        service.post({"text": f"/run {WRITE}", "id": "hostile", "group": "friends"}, "")
        wait_until_begun(home, "hostile")
        file.write_text('{"pids": 97}')
        assert service.get("/groups/friends").json()["pids"] == 97
        service.delete("/messages/hostile")
        assert reply_to(service, "hostile")["status"] == "cancelled"
    assert file.read_text() == '{"pids": 97}'


def test_settings_replaced_while_containers_only_stand_by_hold_and_no_subagent_can_write_them(
    home: Path, settings: dict[str, str]
) -> None:
    file = home / "groups/main/group.json"
    with (
        RunningService(home, **settings, SUBAGENT_STANDBY="1") as service,
        closing(LogLines(home / "logs/app.log")) as log,
    ):
        until(lambda: service.get("/status").json()["dedicated"]["standby"] == 1)
        replace(file, '{"pids": 99}')
        assert service.get("/groups/main").json()["pids"] == 99

        (child,) = spawn(service, f"/run echo '{HOSTILE}' > group.json")

        assert "Read-only file system" in reply_to(service, child)["text"]
        log.find("has older settings and is replaced")
        assert service.get("/groups/main").json()["network"] == "none"
