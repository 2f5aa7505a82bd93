"""The whole service on a real engine: containers that die, and a service that dies while one works."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from openclaw.containers.cli import Cli
from tests.docker.conftest import main_of, names_of
from tests.support.file_events import FileEvents
from tests.support.log_lines import LogLines
from tests.support.service import RunningService


def test_a_message_is_answered_by_the_persistent_container(tmp_path: Path, settings: dict[str, str]) -> None:
    with RunningService(tmp_path / "home", **settings) as service:
        assert service.post({"text": "hello"}).json()["route"] == "persistent"
        assert service.get("/status").json()["runtime"] == "docker"


def test_a_clean_stop_leaves_no_container_and_no_channel(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    with RunningService(home, **settings) as service:
        service.post({"text": "hello"})
        assert service.stop() == 0
    assert names_of(engine, settings) == []
    assert list((home / "ipc/channels").iterdir()) == []


def test_a_turn_whose_container_is_killed_gets_one_reply_as_second_attempt(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    with RunningService(tmp_path / "home", OFFLINE_LATENCY="3000", **settings) as service:
        _begin(service)
        engine.run(["kill", main_of(settings)])
        reply = service.get("/messages/a?wait=50").json()
    assert (reply["status"], reply["attempt"], reply["route"]) == ("done", 2, "dedicated")


def test_a_container_that_works_while_the_service_is_killed_is_taken_over(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    with RunningService(home, OFFLINE_LATENCY="3000", **settings) as service:
        _begin(service)
        before = _container_id(engine, settings)
        service.kill()
    with RunningService(home, OFFLINE_LATENCY="3000", **settings) as service:
        reply = service.get("/messages/a?wait=50").json()
        assert (reply["status"], reply["attempt"], reply["route"]) == ("done", 1, "persistent")
        assert _container_id(engine, settings) == before


def test_a_paused_container_is_noticed_and_replaced(tmp_path: Path, engine: Cli, settings: dict[str, str]) -> None:
    home = tmp_path / "home"
    with RunningService(home, PERSISTENT_HEALTH_CHECK_INTERVAL="300", **settings) as service:
        service.post({"text": "hello"})
        engine.run(["pause", main_of(settings)])
        reply = service.post({"text": "hello"}).json()
        assert reply["status"] == "done"
    assert "Health check: Main persistent container health check failed" in (home / "logs/app.log").read_text()


class Unbuilt(RunningService):
    """A service whose image is missing at first, which its log calls an error."""

    may_log_errors = True


def test_without_the_image_messages_wait_and_are_answered_at_the_next_look_once_it_is_there(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    there = settings["CONTAINER_IMAGE"]
    missing = f"openclaw-not-there:{os.getpid()}"
    often = {"PERSISTENT_HEALTH_CHECK_INTERVAL": "1000"}
    home = tmp_path / "home"
    home.mkdir()
    (home / "logs").mkdir()
    (home / "logs/app.log").touch()
    with (
        closing(LogLines(home / "logs/app.log")) as lines,
        Unbuilt(home, **{**settings, **often, "CONTAINER_IMAGE": missing}) as service,
    ):
        assert service.post({"text": "hello", "id": "a"}, "").status_code == 202
        lines.find("run `make image`")
        ready = service.get("/readyz")
        assert (ready.status_code, "make image" in ready.text) == (503, True)
        try:
            engine.run(["tag", there, missing])
            reply = service.get("/messages/a?wait=60").json()
        finally:
            engine.run(["rmi", missing])
    assert (reply["status"], reply["attempt"], reply["route"]) == ("done", 1, "persistent")


def _begin(service: RunningService) -> None:
    """Send message `a` and return when the persistent container has begun on it."""
    service.post({"text": "warm up"})
    (channel,) = (service.home / "ipc/channels").iterdir()
    with closing(FileEvents(channel / "out")) as events:
        service.post({"text": "hello", "id": "a"}, "")
        events.until((channel / "out/a.started.json").exists)


def _container_id(engine: Cli, settings: dict[str, str]) -> str:
    return engine.run(["inspect", "--format={{.Id}}", main_of(settings)]).stdout
