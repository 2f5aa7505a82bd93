"""The service is killed while twenty agents run: whoever lives is taken over, whoever dies meanwhile is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from openclaw.containers.cli import Cli
from tests.docker.subagents import assert_nothing_is_left, begun, kill, reply_to, spawn
from tests.support.gate import Gate
from tests.support.service import RunningService

RUNNING = 8
QUEUED = 3


def test_a_killed_service_owes_nobody_a_reply_twenty_agents_later(
    tmp_path: Path, engine: Cli, settings: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    home = tmp_path / "home"
    chance = random.Random(seed := random.randrange(2**32))
    record_property("seed", seed)
    settings = {**settings, "MAX_SUBAGENTS": str(RUNNING), "SUBAGENT_STANDBY": "2"}
    friends = [f"friend-{number}" for number in range(6)]
    mains = [f"main-{number}" for number in range(6)]
    starting = [f"starting-{number}" for number in range(3)]
    with Gate(home / "groups/main") as gate, Gate(home / "groups/friends") as friends_gate:
        (home / "groups/friends/group.json").write_text("{}")
        task = f"/run {gate.command} echo well"
        with RunningService(home, **settings) as service:
            for message_id in friends:
                message = {"text": task, "id": message_id, "session": message_id, "group": "friends"}
                service.post(message, "")
            children = spawn(service, task, RUNNING + QUEUED)
            cids = begun(home, [*friends, *children[:RUNNING]])
            for message_id in mains:
                service.post({"text": "/wait 5", "id": message_id, "session": message_id}, "")
                begun(home, [message_id])
            for message_id in starting:
                service.post({"text": "hello", "id": message_id, "session": message_id, "group": "friends"}, "")
            service.kill()
        lost = chance.sample(sorted(cids), 5)
        kill(engine, settings, [cids[message_id] for message_id in lost])
        with RunningService(home, **settings) as service:
            service.kill()
        with RunningService(home, **settings) as service:
            gate.open()
            friends_gate.open()
            everybody = ["parent", *friends, *children, *mains, *starting]
            replies = {message_id: reply_to(service, message_id) for message_id in everybody}
            assert {reply["status"] for reply in replies.values()} == {"done"}
            again = {message_id for message_id, reply in replies.items() if reply["attempt"] == 2}
            assert again - set(starting) == set(lost)
            outbox = {path.stem for path in (home / "ipc/outbox").iterdir() if not path.name.startswith(".")}
            assert outbox == set(everybody)
            assert_nothing_is_left(service, engine, settings)
    # Each is logged once; a kill may come between a reply and its line.
    assert (home / "logs/app.log").read_text().count("Response timing") <= len(everybody)
