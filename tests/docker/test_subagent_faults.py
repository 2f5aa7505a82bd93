"""Subagents that are killed: one reply each, to the one whom it concerns, and nobody else notices.

An ordinary run kills a few; OPENCLAW_CUTS=all (`make faults`) kills a hundred.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from openclaw.containers.cli import Cli
from tests.docker.subagents import assert_nothing_is_left, begun, kill, reply_to, spawn, unhurt_neighbours
from tests.support.begun import wait_until_begun
from tests.support.gate import Gate
from tests.support.service import RunningService

PARENTS: Final = ("p1", "p2", "p3", "p4")
KILLED: Final = 100 if os.environ.get("OPENCLAW_CUTS") == "all" else 12
KILLED_TWICE: Final = KILLED // 4

ATTEMPT: Final = """$(grep -o '"attempt":[12]' /channel/in/*.request.json | tail -c 2)"""
"""In a command of an agent: which attempt it is a part of."""


def test_of_many_subagents_killed_at_random_each_has_one_reply_and_its_session_is_told(
    tmp_path: Path, engine: Cli, settings: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    home = tmp_path / "home"
    chance = random.Random(seed := random.randrange(2**32))
    record_property("seed", seed)
    room = {"MAX_SUBAGENTS": str(KILLED), "MAX_CONCURRENT_CONTAINERS": str(2 * KILLED), "SUBAGENT_STANDBY": "2"}
    with (
        Gate(home / "groups/main", "gate-1"),
        Gate(home / "groups/main", "gate-2") as second_attempts,
        RunningService(home, **room, **settings) as service,
        unhurt_neighbours(service, engine, settings),
    ):
        task = f"/run flock --shared gate-{ATTEMPT} echo through"
        children = [child for parent in PARENTS for child in spawn(service, task, KILLED // len(PARENTS), parent)]
        first = begun(home, children)
        kill(engine, settings, chance.sample(list(first.values()), KILLED))
        doomed = chance.sample(children, KILLED_TWICE)
        second = [wait_until_begun(home, child, other_than=first[child]) for child in doomed]
        kill(engine, settings, second)
        second_attempts.open()

        for child in children:
            reply = reply_to(service, child)
            assert (reply["status"], reply["attempt"]) == ("failed" if child in doomed else "done", 2)
            said = reply["error"] if child in doomed else reply["text"]
            assert said.startswith("the container ended (exit 137), and so had" if child in doomed else "(Attempt 2")
        for parent in PARENTS:
            told = service.post({"text": "hello", "session": parent}).json()["text"]
            for child in children:
                status = "failed" if child in doomed else "done"
                assert told.count(f"Subagent {child} finished ({status})") == child.startswith(f"{parent}.")
            assert "Subagent" not in service.post({"text": "hello", "session": parent}).json()["text"]
    assert_nothing_is_left(service, engine, settings)
