"""The docker runtime on a real engine: the life of a container, and the walls around it."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from openclaw.clock import SystemClock
from openclaw.containers.channel import Channel, Channels
from openclaw.containers.cli import Cli
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.runtime import ContainerSpec, Exit
from openclaw.errors import ImageMissing, NameConflict
from openclaw.message import Frame
from openclaw.spool import Watcher
from tests.support.exits import Exits
from tests.support.specs import make_spec

WAIT = 60
Make = Callable[..., ContainerSpec]
Probe = Callable[[str], tuple[int, str]]


@pytest.fixture
def make(runtime: DockerRuntime, installation: str, tmp_path: Path) -> Make:
    """Makes specs with names that nobody else uses."""

    def make(suffix: str = "c1", **changes: Any) -> ContainerSpec:
        return make_spec(tmp_path, f"{installation}-{suffix}", runtime.container_uid, **changes)

    return make


@pytest.fixture
def channel(runtime: DockerRuntime, tmp_path: Path) -> Iterator[Channel]:
    """A real channel, for `make` with its cid and path."""
    watcher = Watcher()
    watcher.start()
    channel = Channels(tmp_path / "ipc", watcher, runtime.container_uid).create("talk")
    yield channel
    channel.close()
    watcher.close()


@pytest.fixture
def probe(runtime: DockerRuntime, engine: Cli, make: Make) -> Probe:
    """Runs shell commands inside a running agent's container; gives the exit code and what was written."""
    spec = make("probe")
    runtime.start(spec).result(WAIT)

    def probe(script: str) -> tuple[int, str]:
        output = engine.run(["exec", spec.name, "sh", "-c", script], WAIT)
        return output.code, output.stdout + output.stderr

    return probe


# Life


def test_an_agent_answers_through_its_channel(runtime: DockerRuntime, make: Make, channel: Channel) -> None:
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    violations: queue.SimpleQueue[str] = queue.SimpleQueue()
    channel.listen(frames.put, violations.put)
    message = {"id": "m1", "text": "hello", "group": "main", "session": "default"}
    channel.send("request", "m1", {"message": message, "attempt": 1, "timeout_ms": 60_000})

    runtime.start(make(cid=channel.cid, channel_path=channel.path)).result(WAIT)

    assert frames.get(timeout=WAIT) == Frame("started", "m1", {})
    response = frames.get(timeout=WAIT)
    assert (response.kind, response.body["status"]) == ("response", "done")
    channel.send("ping", "p1", {})
    assert frames.get(timeout=WAIT).kind == "pong"
    assert violations.empty()


def test_a_started_container_is_listed_with_its_labels(runtime: DockerRuntime, make: Make) -> None:
    spec = make(role="main", message_id="")

    runtime.start(spec).result(WAIT)

    (found,) = runtime.list()
    assert found == (spec.name, "main", "main", spec.cid, "", runtime.config_digest(spec), True, None)


def test_a_container_outlives_the_service_and_is_found_again(
    engine: Cli, image: str, installation: str, tmp_path: Path
) -> None:
    first = DockerRuntime(engine, SystemClock(), installation, image)
    spec = make_spec(tmp_path, f"{installation}-main", first.container_uid)
    first.open(Exits().on_exit, Exits().on_engine_up)
    first.start(spec).result(WAIT)
    first.close()

    exits = Exits()
    second = DockerRuntime(engine, SystemClock(), installation, image)
    second.open(exits.on_exit, exits.on_engine_up)
    (found,) = second.list()
    assert (found.name, found.running, found.config) == (spec.name, True, second.config_digest(spec))
    second.kill(spec.name).result(WAIT)

    assert exits.next() == Exit(spec.name, 137, "")
    second.close()


def test_a_killed_container_is_told_and_stays_listed_until_removed(
    runtime: DockerRuntime, make: Make, exits: Exits
) -> None:
    spec = make()
    runtime.start(spec).result(WAIT)

    runtime.kill(spec.name).result(WAIT)

    assert exits.next() == Exit(spec.name, 137, "")
    (found,) = runtime.list()
    assert (found.running, found.exit_code) == (False, 137)
    runtime.kill(spec.name).result(WAIT)
    runtime.remove(spec.name).result(WAIT)
    assert runtime.list() == []
    runtime.remove(spec.name).result(WAIT)


@pytest.mark.parametrize("verb", ["kill", "remove"])
def test_a_paused_container_can_be_ended(
    runtime: DockerRuntime, engine: Cli, make: Make, exits: Exits, verb: str
) -> None:
    spec = make()
    runtime.start(spec).result(WAIT)
    assert engine.run(["pause", spec.name]).code == 0
    (found,) = runtime.list()
    assert found.running

    getattr(runtime, verb)(spec.name).result(WAIT)

    assert exits.next() == Exit(spec.name, 137, "")


def test_a_container_removed_by_somebody_else_is_told_once(
    runtime: DockerRuntime, engine: Cli, make: Make, exits: Exits
) -> None:
    spec = make()
    runtime.start(spec).result(WAIT)

    engine.run(["rm", "--force", spec.name], WAIT)

    assert exits.next() == Exit(spec.name, 137, "")
    assert runtime.list() == []
    assert exits.told.empty()


def test_a_runner_that_fails_is_told_with_its_code_and_last_words(
    runtime: DockerRuntime, make: Make, exits: Exits
) -> None:
    spec = make(env={"OPENCLAW_ENGINE": "no-such-engine"})

    runtime.start(spec).result(WAIT)

    assert exits.next() == Exit(spec.name, 2, "")
    assert "agent_runner:" in runtime.logs_tail(spec.name)


def test_eight_containers_start_side_by_side(runtime: DockerRuntime, make: Make) -> None:
    specs = [make(f"c{number}") for number in range(8)]

    starts = wait([runtime.start(spec) for spec in specs], WAIT)

    assert not starts.not_done
    assert all(start.exception() is None for start in starts.done)
    assert {found.name for found in runtime.list() if found.running} == {spec.name for spec in specs}
    removals = wait([runtime.remove(spec.name) for spec in specs], WAIT)
    assert all(removal.exception() is None for removal in removals.done)
    assert runtime.list() == []


# Names and images


def test_our_own_leftover_makes_room(runtime: DockerRuntime, make: Make, exits: Exits) -> None:
    runtime.start(make("main")).result(WAIT)
    spec = make("main", message_id="m2")

    runtime.start(spec).result(WAIT)

    assert [found.message_id for found in runtime.list()] == ["m2"]


def test_a_name_of_another_installation_is_left_alone(
    runtime: DockerRuntime, engine: Cli, image: str, make: Make
) -> None:
    spec = make("main")
    other = DockerRuntime(engine, SystemClock(), f"other-than-{spec.name}", image)
    other.start(spec).result(WAIT)
    try:
        with pytest.raises(NameConflict, match="CONTAINER_PREFIX"):
            runtime.start(spec).result(WAIT)
        runtime.remove(spec.name).result(WAIT)

        assert [found.running for found in other.list()] == [True]
    finally:
        other.remove(spec.name).result(WAIT)
        other.close()


def test_a_missing_image_says_how_to_make_it(engine: Cli, installation: str, tmp_path: Path) -> None:
    runtime = DockerRuntime(engine, SystemClock(), installation, "openclaw-agent:there-is-none")

    with pytest.raises(ImageMissing, match="make image"):
        runtime.start(make_spec(tmp_path, f"{installation}-c1", runtime.container_uid)).result(WAIT)
    runtime.close()


# Walls


def test_the_agent_is_an_ordinary_user_without_capabilities(runtime: DockerRuntime, probe: Probe) -> None:
    assert probe("id -u") == (0, str(runtime.container_uid))
    assert runtime.container_uid != 0
    _, status = probe("cat /proc/self/status")
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize("path", ["/opt/openclaw", "/etc", "/workspace/group", "/channel/in", "/channel", "/"])
def test_the_agent_cannot_write(probe: Probe, path: str) -> None:
    code, said = probe(f"touch {path}/file")

    assert code != 0
    assert "Read-only file system" in said or "Permission denied" in said


@pytest.mark.parametrize("path", ["/channel/out", "/tmp"])
def test_the_agent_can_write(probe: Probe, path: str) -> None:
    assert probe(f"touch {path}/file") == (0, "")


def test_a_writable_groups_folder_can_be_written_with_what_was_in_it(
    runtime: DockerRuntime, engine: Cli, make: Make
) -> None:
    spec = make(group_writable=True)
    (spec.group_dir / "notes.md").write_text("old")
    (spec.group_dir / "notes.md").chmod(0o644)

    runtime.start(spec).result(WAIT)

    assert engine.run(["exec", spec.name, "sh", "-c", "echo new > notes.md"], WAIT).code == 0
    assert (spec.group_dir / "notes.md").read_text() == "new\n"


def test_the_agent_sees_no_network_and_nothing_else_of_the_host(probe: Probe, tmp_path: Path) -> None:
    assert probe("ls /sys/class/net") == (0, "lo")
    assert probe(f"ls {tmp_path}")[0] != 0
    assert probe("ls /var/run/docker.sock")[0] != 0
    _, mounts = probe("cut -d' ' -f2 /proc/self/mounts")
    ours = {mount for mount in mounts.split() if mount.startswith(("/channel", "/workspace"))}
    assert ours == {"/channel/in", "/channel/out", "/workspace/group"}


def test_the_limits_are_the_specs(runtime: DockerRuntime, engine: Cli, make: Make) -> None:
    spec = make(memory_mb=96, pids=77)
    runtime.start(spec).result(WAIT)

    limits = json.loads(engine.run(["inspect", "--format={{json .HostConfig}}", spec.name]).stdout)

    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (96 << 20, 96 << 20, 77)
    assert limits["NanoCpus"] == min(2, os.cpu_count() or 1) * 10**9
    assert (limits["LogConfig"]["Type"], limits["Privileged"], limits["Init"]) == ("local", False, True)


def test_an_agent_that_takes_too_much_memory_is_said_to_have_run_out(
    runtime: DockerRuntime, make: Make, exits: Exits
) -> None:
    spec = make(memory_mb=8)  # less than the runner needs

    runtime.start(spec).result(WAIT)

    assert exits.next() == Exit(spec.name, 137, "it ran out of memory")
