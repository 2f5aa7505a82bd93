"""Containers that die again and again: a bounded number of restarts, and a reply to every message all the same."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers.cli import Cli
from tests.docker.conftest import build, main_of, names_of
from tests.support.begun import wait_until_begun
from tests.support.log_lines import LogLines
from tests.support.service import RunningService


@pytest.fixture
def broken_image(engine: Cli, image: str) -> Iterator[str]:
    """An image whose runner ends at once with exit code 3 and a word that would turn a terminal red."""
    name = f"openclaw-test:{uuid.uuid4().hex[:12]}"
    command = r'["sh", "-c", "printf \"\\033[31mbroken\\nhere\"; exit 3"]'
    build(engine, f"FROM {image}\nENTRYPOINT {command}\n", name)
    yield name
    engine.run(["rmi", "--force", name], 60)


def test_the_fourth_crash_is_one_too_many_and_every_message_is_answered(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    with (
        RunningService(home, OFFLINE_LATENCY="1000", **settings) as service,
        closing(LogLines(home / "logs/app.log")) as lines,
    ):
        for number, delay in enumerate((1, 2, 4, None), 1):
            lines.find("MainAgentManager: Main persistent container ready")
            service.post({"text": "hello", "id": f"m{number}"}, "")
            wait_until_begun(home, f"m{number}")
            engine.run(["kill", main_of(settings)])
            told = lines.find("Persistent container crashed")
            if delay is not None:
                assert f"[WARN] Persistent container crashed (exit 137), restart {number}/3 in {delay}s" in told
            reply = service.get(f"/messages/m{number}?wait=50").json()
            assert (reply["status"], reply["attempt"], reply["route"]) == ("done", 2, "dedicated")
        lines.find("[WARN] Persistent container exceeded max restarts (3), falling back to traditional mode")
        assert service.get("/status").json()["main"]["state"] == "FALLBACK"
        reply = service.post({"text": "hello"}, "?wait=50").json()
        assert (reply["status"], reply["attempt"], reply["route"]) == ("done", 1, "dedicated")


def test_a_runner_that_ends_at_once_is_given_up_and_the_reply_says_how_it_ended(
    tmp_path: Path, settings: dict[str, str], broken_image: str
) -> None:
    home = tmp_path / "home"
    broken = {**settings, "CONTAINER_IMAGE": broken_image, "PERSISTENT_MAX_RESTARTS": "1"}
    with RunningService(home, **broken) as service, closing(LogLines(home / "logs/app.log")) as lines:
        reply = service.post({"text": "hello"}, "?wait=50").json()
        assert reply["status"] == "failed"
        assert reply["error"].startswith("the container ended (exit 3) before it began, 5 times")
        assert "[WARN] Persistent container crashed (exit 3), restart 1/1 in 1s" in lines.find("crashed")
        said = lines.find(f"The container {main_of(settings)} ended by itself")
        assert said.endswith(r"the last that it wrote: \x1b[31mbroken\nhere" + "\n")
        lines.find("[WARN] Persistent container exceeded max restarts (1), falling back to traditional mode")
        assert service.get("/status").json()["main"]["crashes"] == 2


def test_a_killed_dedicated_container_costs_one_attempt_and_two_are_all(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    (home / "groups/friends").mkdir(parents=True)
    (home / "groups/friends/group.json").write_text("{}")
    with RunningService(home, OFFLINE_LATENCY="2000", **settings) as service:
        for message_id in ("once", "twice"):
            service.post({"text": "hello", "id": message_id, "group": "friends", "session": message_id}, "")
        first = {message_id: wait_until_begun(home, message_id) for message_id in ("once", "twice")}
        for cid in first.values():
            engine.run(["kill", f"{settings['CONTAINER_PREFIX']}-friends-{cid}"])
        second = wait_until_begun(home, "twice", other_than=first["twice"])
        engine.run(["kill", f"{settings['CONTAINER_PREFIX']}-friends-{second}"])

        once = service.get("/messages/once?wait=50").json()
        assert (once["status"], once["attempt"], once["route"]) == ("done", 2, "dedicated")
        twice = service.get("/messages/twice?wait=50").json()
        assert (twice["status"], twice["attempt"]) == ("failed", 2)
        assert twice["error"].startswith("the container ended (exit 137), and so had the first attempt")


def test_a_container_that_comes_up_after_its_service_was_killed_is_removed(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    late = f"{settings['CONTAINER_PREFIX']}-friends-late"
    with RunningService(home, PERSISTENT_HEALTH_CHECK_INTERVAL="200", **settings) as service:
        assert service.post({"text": "hello"}).json()["route"] == "persistent"
        installation = json.loads((home / "ipc/.installation").read_bytes())["id"]
        labels = [f"--label=openclaw.{name}" for name in (f"installation={installation}", "role=dedicated", "cid=late")]
        options = [f"--name={late}", "--network=none", "--entrypoint=sleep", *labels]
        # The engine makes it, then starts it: the service may remove it in between, and the start is refused then.
        assert engine.run(["run", "--detach", *options, settings["CONTAINER_IMAGE"], "1000"], 60).stdout
        engine.run(["wait", late], 60)
        assert service.post({"text": "hello"}).json()["route"] == "persistent"
        assert service.stop() == 0
    assert names_of(engine, settings) == []
