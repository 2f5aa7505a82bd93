"""Agents that ask for what is not theirs, by every tool that there is: refused with the reason, which is logged.

The agents are real runners on a scripted engine; what they ask for is what the message tells them to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from openclaw.message import dump_bytes
from tests.support.begun import wait_until_begun
from tests.support.fake_docker import FakeDocker
from tests.support.service import RunningService

Calls = list[tuple[Any, Any, str]]
"""Tool, arguments, and a part of the reason for which they are refused."""

NOT_ITS_OWN: Final = "the group family runs in its own containers and may not spawn subagents"
ALONE: Final = "a subagent works alone"
CHILD: Final = "working.s1"
"""Main's subagent, at work meanwhile."""

TASK: Final = {"prompt": "x", "schedule_type": "once", "schedule_value": "+1h"}
NO_TASKS: Final = "it may not schedule, see or change tasks"

UNKNOWN: Final[Calls] = [
    ("__class__", {}, "there is no tool"),
    ("Spawn_Subagent", {"task": "x"}, "there is no tool"),
    ("x" * 1000, {}, "there is no tool"),
    ("\x1b[31m\nspawn", {}, "there is no tool"),
    (["spawn_subagent"], {}, "a call is"),
    ("spawn_subagent", ["task"], "a call is"),
    ("send_message", None, "a call is"),
]

OF_ANOTHER_GROUP: Final[Calls] = [
    *UNKNOWN,
    ("spawn_subagent", {"task": "x"}, NOT_ITS_OWN),
    ("spawn_subagent", {"task": "x", "paths": ["/etc"]}, NOT_ITS_OWN),
    ("list_subagents", {}, NOT_ITS_OWN),
    ("get_subagent", {"id": CHILD}, NOT_ITS_OWN),
    ("cancel_subagent", {"id": CHILD}, NOT_ITS_OWN),
    ("register_group", {"name": "mine"}, "only Main's own agent may register groups"),
    ("register_group", {"name": "main", "trigger": "x"}, "only Main's own agent may register groups"),
    ("send_message", {"text": "x", "group": "main"}, 'takes "text" and, as you like, "session"'),
    ("send_message", {"text": "x", "id": "working"}, 'takes "text" and, as you like, "session"'),
    ("send_message", {"text": "x", "session": "../main/default"}, '"session" must be'),
    ("send_message", {"text": "x" * 20_000}, "at most 16384 characters"),
    ("schedule_task", {**TASK, "group": "main"}, "may schedule tasks for itself only"),
    ("cancel_task", {"id": "t1"}, "there is no task"),
    ("update_task", {"id": "../t1", "prompt": "x"}, "there is no task"),
]

OF_A_SUBAGENT: Final[Calls] = [
    *UNKNOWN,
    ("spawn_subagent", {"task": "x"}, ALONE),
    ("list_subagents", {}, ALONE),
    ("get_subagent", {"id": CHILD}, ALONE),
    ("cancel_subagent", {"id": CHILD}, ALONE),
    ("register_group", {"name": "mine"}, "only Main's own agent may register groups"),
    ("send_message", {"text": "x"}, "a subagent does not talk to the user"),
    ("schedule_task", TASK, NO_TASKS),
    ("list_tasks", {}, NO_TASKS),
    ("cancel_task", {"id": "t1"}, NO_TASKS),
]


def of_main(home: Path, secret: Path) -> Calls:
    """What Main's own agent may not have either: other groups' folders, the host's places, settings of its own."""
    masked = (secret, "/etc/passwd", "/", "~", "~/.ssh", "/var/run/docker.sock", home, home / ".env", home / "ipc")
    groups = (home / "groups/family", "../family", "../../.env", "/workspace/group/../family", "--privileged")
    links = ("way", "way/x", "back", f"{home}/groups/main/back", f"{secret}/../home/groups/main")
    return [
        *UNKNOWN,
        *(("spawn_subagent", {"task": "x", "paths": [str(path)]}, "cannot be") for path in (*masked, *groups, *links)),
        ("spawn_subagent", {"task": "x", "paths": [f"{secret}\n"]}, "printable paths"),
        ("spawn_subagent", {"task": "x", "agent": "../family"}, '"agent" must be'),
        ("spawn_subagent", {"task": "x", "group": "family"}, "has no argument 'group'"),
        ("spawn_subagent", {"task": "x", "network": "bridge"}, "has no argument 'network'"),
        ("get_subagent", {"id": "of-family"}, "there is no subagent"),
        ("cancel_subagent", {"id": "of-family"}, "no subagent"),
        ("cancel_subagent", {"id": "../of-family"}, 'the only argument is "id"'),
        ("register_group", {"name": "../other"}, "a group's name"),
        ("register_group", {"name": "other", "network": "bridge"}, 'takes "name", a string'),
        ("register_group", {"name": "other", "mounts": [{"path": "/"}]}, 'takes "name", a string'),
        ("register_group", {"name": "family", "trigger": "x"}, "its settings are the user's to change"),
        ("register_group", {"name": "main", "trigger": "x"}, "main is there from the start"),
        ("send_message", {"text": "x", "group": "family"}, 'takes "text" and, as you like, "session"'),
    ]


class House:
    """A service with Main, another group, a subagent and a message at work, and a place that nobody may see."""

    def __init__(self, service: RunningService, fake: FakeDocker, secret: Path) -> None:
        self.service, self.fake, self.secret = service, fake, secret
        service.post({"text": "wait", "id": "of-family", "group": "family", "session": "other"}, "")
        wait_until_begun(service.home, "of-family")
        spawned = self.say("main", "working", [("spawn_subagent", {"task": "wait"})])
        assert spawned == [{"value": {"id": CHILD, "status": "started"}}], spawned
        wait_until_begun(service.home, CHILD)

    def say(self, group: str, message_id: str, calls: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
        """Have the group's agent make these calls: what the host has said to each."""
        message = {"text": json.dumps(calls), "id": message_id, "group": group, "session": message_id}
        return self._said(self.service.post(message).json())

    def say_by_subagent(self, calls: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
        work = {"task": json.dumps(calls)}
        (spawned,) = self.say("main", "parent", [("spawn_subagent", work)])
        return self._said(self.service.get(f"/messages/{spawned['value']['id']}?wait=30").json())

    def _said(self, reply: dict[str, Any]) -> list[dict[str, Any]]:
        assert reply["status"] == "done", reply
        said = json.loads(reply["text"])
        assert isinstance(said, list)
        return said

    def containers(self) -> set[str]:
        return {container["name"] for container in self.fake.containers()}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("house")
    home, user_home, secret, allowed = root / "home", root / "user", root / "secret", root / "allowed"
    for folder in (home / "groups/main", home / "groups/family", user_home / ".config/openclaw", secret, allowed):
        folder.mkdir(parents=True)
    (home / "groups/family/group.json").write_text("{}")
    (home / "groups/main/way").symlink_to(secret)
    (home / "groups/main/back").symlink_to(secret / "../home/groups/main")
    (home / ".env").write_text("ASSISTANT_NAME=Claw\n")
    (user_home / ".config/openclaw/mount-allowlist.json").write_bytes(dump_bytes({"allow": [{"path": str(allowed)}]}))
    with closing(FakeDocker(root / "engine")) as fake:
        fake.knob("command", [sys.executable, "-m", "tests.support.calling_runner", "--channel", "{channel}"])
        engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        with RunningService(home, CONTAINER_RUNTIME="docker", HOME=str(user_home), **engine) as service:
            yield House(service, fake, secret)
            for message_id in ("of-family", CHILD):
                service.delete(f"/messages/{message_id}")


def assert_all_refused(house: House, calls: Calls, said: list[dict[str, Any]]) -> None:
    assert len(said) == len(calls)
    logged = (house.service.home / "logs/app.log").read_text()
    for (tool, arguments, reason), answer in zip(calls, said, strict=True):
        assert reason in answer.get("error", ""), (tool, arguments, answer)
        assert as_logged(answer["error"]) in logged, (tool, arguments, answer)


def as_logged(text: str) -> str:
    return text.replace("\x1b", r"\x1b").replace("\n", r"\n")


@pytest.fixture(autouse=True)
def nothing_has_happened(house: House) -> Iterator[None]:
    """Whatever was asked for: the others work on, no group is made, and nobody has been given the secret."""
    yield
    home = house.service.home
    subagents = house.service.get("/subagents").json()["subagents"]
    assert [one["id"] for one in subagents] == [CHILD]
    assert house.service.get("/messages/of-family").json()["status"] not in ("done", "failed", "cancelled")
    assert {path.name for path in (home / "groups").iterdir()} - {".settings"} == {"main", "global", "family"}
    assert (home / "groups/family/group.json").read_text() == "{}"
    for call in house.fake.calls():
        assert not any(str(house.secret) in word for word in call), call


def test_another_group_s_agent_gets_nothing_beyond_its_own(house: House) -> None:
    said = house.say("family", "asks", [call[:2] for call in OF_ANOTHER_GROUP])

    assert_all_refused(house, OF_ANOTHER_GROUP, said)


def test_what_it_sends_goes_to_its_own_user_and_as_its_own(house: House) -> None:
    (said,) = house.say("family", "sends", [("send_message", {"text": "hello", "session": "default"})])

    sent = json.loads((house.service.home / f"ipc/outbox/{said['value']['id']}.json").read_text())
    assert (sent["id"], sent["group"], sent["session"]) == ("sends.m1", "family", "default")


def test_a_subagent_gets_nothing_at_all(house: House) -> None:
    said = house.say_by_subagent([call[:2] for call in OF_A_SUBAGENT])

    assert_all_refused(house, OF_A_SUBAGENT, said)


def test_main_s_agent_gets_no_place_of_the_host_and_no_settings(house: House) -> None:
    calls = of_main(house.service.home, house.secret)

    assert_all_refused(house, calls, house.say("main", "asks-too", [call[:2] for call in calls]))
