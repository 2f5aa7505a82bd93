"""Why a container was killed: for want of memory or not, whenever the engine says so; it is asked where that counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from openclaw.containers import docker_deaths
from openclaw.containers.cli import Cli
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.docker_calls import EngineCalls, Rank
from openclaw.containers.docker_deaths import Deaths
from openclaw.containers.docker_roster import Roster
from openclaw.containers.runtime import OUT_OF_MEMORY, Exit
from openclaw.errors import OpenClawError
from tests.support.exits import Exits
from tests.support.fake_docker import FakeDocker
from tests.support.no_threads import no_thread
from tests.support.specs import make_spec

WAIT = 30


def start(runtime: DockerRuntime, tmp_path: Path, cid: str = "c1") -> None:
    runtime.start(make_spec(tmp_path, cid, runtime.container_uid)).result(WAIT)


def inspections(fake: FakeDocker) -> list[list[str]]:
    return [call for call in fake.calls() if call[0] == "inspect"]


@pytest.mark.parametrize("told", ["before", "after", ""])
def test_a_lack_of_memory_is_told_whenever_the_engine_says_so(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path, told: str
) -> None:
    fake.knob("oom", told)
    start(runtime, tmp_path)
    fake.docker("kill", "c1")
    assert exits.next() == Exit("c1", 137, OUT_OF_MEMORY)
    assert len(inspections(fake)) == 1


def test_a_kill_that_nobody_here_has_asked_for_is_not_for_memory_by_itself(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    start(runtime, tmp_path)
    fake.docker("kill", "c1")
    assert exits.next() == Exit("c1", 137, "")


def test_a_command_that_was_killed_long_before_does_not_explain_a_later_end(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's mark stays for the container's life."""
    start(runtime, tmp_path)
    fake.out_of_memory("c1")
    monkeypatch.setattr(docker_deaths, "WITH_IT", -3600.0)  # as if it had been more than that ago
    fake.docker("kill", "c1")
    assert exits.next() == Exit("c1", 137, "")


def test_other_ends_are_told_as_they_are_and_nobody_is_asked(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    fake.knob("oom", "before")
    start(runtime, tmp_path, "removed")
    runtime.remove("removed").result(WAIT)
    assert exits.next() == Exit("removed", 137, "")
    fake.knob("command", ["sh", "-c", "exit 3"])
    start(runtime, tmp_path, "ended")
    assert exits.next() == Exit("ended", 3, "")
    assert inspections(fake) == []


def test_an_engine_that_does_not_tell_keeps_no_end_back(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(runtime, tmp_path)
    fake.knob("oom", "")
    fake.knob("fail", {"inspect": "Error response from daemon: no such thing"})
    fake.docker("kill", "c1")
    assert exits.next() == Exit("c1", 137, "")


def test_nor_does_a_machine_that_gives_no_thread_to_ask_it(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    start(runtime, tmp_path)
    with no_thread("docker-look"):
        fake.docker("kill", "c1")
        assert exits.next() == Exit("c1", 137, "")


class Looks:
    """The thread of the looks, where the test makes each call."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def submit(self, _: Rank, __: str, act: Callable[[], None]) -> None:
        self.calls.append(act)


class Known:
    """A roster that knows every container by its cid, and of no lack of memory."""

    def engine_id(self, cid: str) -> str:
        return cid

    def last_out_of_memory(self, _: str) -> None:
        return None


def test_one_that_cannot_be_told_costs_no_other_its_word(fake: FakeDocker) -> None:
    looks, told = Looks(), []

    def tell(exit_: Exit) -> None:
        told.append(exit_.cid)
        if len(told) == 1:
            raise OpenClawError("full")

    deaths = Deaths(Cli("docker", fake.environ()), cast(EngineCalls, looks), cast(Roster, Known()), tell)
    for cid in ("a", "b", "c"):
        deaths.ended(Exit(cid, 137, ""), unasked=True)

    with pytest.raises(OpenClawError):
        looks.calls[0]()
    for call in looks.calls[1:]:
        call()

    assert sorted(told) == ["a", "b", "c"]
