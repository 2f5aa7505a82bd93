"""Subagents that are killed or cancelled, and too many of them: one reply each, and nobody else notices.

An ordinary run kills a few; OPENCLAW_CUTS=all (`make faults`) kills a hundred.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from agent_runner.engines.commands import MAX_SPAWN
from openclaw.agents.capacity import MAX_LIVE_SUBAGENTS
from openclaw.containers.cli import Cli
from tests.docker.subagents import assert_nothing_is_left, begun, kill, reply_to, spawn, unhurt_neighbours
from tests.support.begun import wait_until_begun
from tests.support.file_events import FileEvents
from tests.support.gate import Gate
from tests.support.service import RunningService

PARENTS: Final = ("p1", "p2", "p3", "p4")
KILLED: Final = 100 if os.environ.get("OPENCLAW_CUTS") == "all" else 12
KILLED_TWICE: Final = KILLED // 4

ATTEMPT: Final = """$(grep -o '"attempt":[12]' /channel/in/*.request.json | tail -c 2)"""
"""In a command of an agent: which attempt it is a part of."""

APPEARS_AFTER_THE_LIST = """#!/bin/sh
case "$*" in
run*-subagent-*)
    : > {state}/asked
    n=0; while [ ! -e {state}/listed ] && [ $((n += 1)) -lt 50 ]; do sleep 0.1; done
    ;;
ps*)
    if [ -e {state}/asked ] && mkdir {state}/once 2> /dev/null; then
        listed=$({docker} "$@") || exit
        : > {state}/listed
        n=0; while [ -z "$({docker} ps --quiet --filter name={prefix}-subagent-)" ] && [ $((n += 1)) -lt 50 ]; do
            sleep 0.1
        done
        : > {state}/told
        echo "$listed"
        exit
    fi
    ;;
esac
exec {docker} "$@"
"""
"""A CLI by which a subagent's container appears right after somebody has looked for it."""


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


def test_a_subagent_beyond_the_limit_is_refused_with_the_reason_and_none_is_lost(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    few = {"MAX_SUBAGENTS": "2", "MAX_CONCURRENT_CONTAINERS": "4"}
    with RunningService(home, **few, **settings) as service:
        with Gate(home / "groups/main") as gate, unhurt_neighbours(service, engine, settings):
            task = f"/run {gate.command} echo well"
            parents = [f"p{number}" for number in range(MAX_LIVE_SUBAGENTS // MAX_SPAWN)]
            children = [child for parent in parents for child in spawn(service, task, MAX_SPAWN, parent)]
            one_more = service.post({"text": "/spawn 3 hello", "id": "more", "session": "more"}).json()
            refusal = f"{MAX_LIVE_SUBAGENTS} subagents run or wait already; wait for some, or do it yourself"
            assert one_more["text"] == f"The host refused: {refusal}"
            assert "subagents" not in one_more
            assert len(service.get("/subagents").json()["subagents"]) == MAX_LIVE_SUBAGENTS
            for parent in parents:
                service.delete(f"/messages/{parent}")
            replies = [reply_to(service, child) for child in children]
            assert {reply["status"] for reply in replies} <= {"cancelled", "done"}
            (child,) = spawn(service, "/run echo well", parent="again")
            assert reply_to(service, child)["text"] == "well\n(exit code 0)"
        assert_nothing_is_left(service, engine, settings)


def test_a_subagent_that_is_cancelled_while_its_container_appears_leaves_none(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    state, cli = tmp_path / "state", tmp_path / "docker"
    state.mkdir()
    docker, prefix = shutil.which(engine.program), settings["CONTAINER_PREFIX"]
    cli.write_text(APPEARS_AFTER_THE_LIST.format(state=state, docker=docker, prefix=prefix))
    cli.chmod(0o755)
    with RunningService(tmp_path / "home", **{**settings, "CONTAINER_CLI": str(cli)}) as service:
        with closing(FileEvents(state)) as events:
            (child,) = spawn(service, "/wait 1000")
            events.until((state / "asked").exists)
            service.delete(f"/messages/{child}")
            assert reply_to(service, child)["status"] == "cancelled"
            events.until((state / "told").exists)
        assert_nothing_is_left(service, engine, settings)
