"""Subagents on the real engine, as tests have them: asked for by a message of Main's, and each in a known container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openclaw.containers.cli import Cli
from openclaw.containers.docker import MAX_CHANGES
from tests.docker.conftest import main_of, names_of
from tests.support.begun import wait_until_begun
from tests.support.gate import Gate
from tests.support.service import RunningService


class SuspiciousService(RunningService):
    """A service that may say what was wrong with a container, or with the disk."""

    may_log_errors = True


def spawn(service: RunningService, task: str, count: int = 1, parent: str = "parent") -> list[str]:
    """Have `count` subagents do `task`: their ids. The message has the id `parent`, and a session of that name."""
    message = {"text": f"/spawn {count} {task}", "id": parent, "session": parent}
    reply = service.post(message).json()
    assert len(reply["subagents"]) == count, reply
    return list(reply["subagents"])


def reply_to(service: RunningService, message_id: str) -> dict[str, Any]:
    """The reply, once it is there."""
    reply = service.get(f"/messages/{message_id}?wait=50").json()
    assert isinstance(reply, dict)
    return reply


def begun(home: Path, message_ids: Iterable[str]) -> dict[str, str]:
    """Return when each has begun: the cid of its container, by the message's id."""
    return {message_id: wait_until_begun(home, message_id) for message_id in message_ids}


def kill(engine: Cli, settings: dict[str, str], cids: Iterable[str]) -> None:
    """Kill the containers, in this order, as many at once as an engine stands."""
    names = {name.rpartition("-")[2]: name for name in names_of(engine, settings)}
    with ThreadPoolExecutor(MAX_CHANGES) as pool:
        for output in pool.map(lambda cid: engine.run(["kill", names[cid]], 60), cids):
            assert output.code == 0, output.stderr


@contextmanager
def unhurt_neighbours(service: RunningService, engine: Cli, settings: dict[str, str]) -> Iterator[None]:
    """Have Main's container and one of another group at work meanwhile; afterwards nothing has happened to them."""
    with Gate(service.home / "groups/friends") as gate:
        (service.home / "groups/friends/group.json").write_text("{}")
        service.post({"text": f"/run {gate.command} echo", "id": "neighbour", "group": "friends"}, "")
        wait_until_begun(service.home, "neighbour")
        main = engine.run(["inspect", "--format={{.Id}}", main_of(settings)]).stdout
        yield
        assert service.post({"text": "hello", "session": "neighbour"}).json()["route"] == "persistent"
        gate.open()
        neighbour = reply_to(service, "neighbour")
    assert (neighbour["status"], neighbour["attempt"]) == ("done", 1)
    assert engine.run(["inspect", "--format={{.Id}}", main_of(settings)]).stdout == main
    assert service.get("/status").json()["main"]["crashes"] == 0


def assert_nothing_is_left(service: RunningService, engine: Cli, settings: dict[str, str]) -> None:
    """Stop the service: no work is left, no container and no channel."""
    assert service.stop() == 0
    assert names_of(engine, settings) == []
    for name in ("work", "channels"):
        assert list((service.home / "ipc" / name).iterdir()) == []
