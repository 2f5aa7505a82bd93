"""The docker runtime on a real engine: the life of a container, and the walls around it."""

from __future__ import annotations

import itertools
import json
import os
import queue
import select
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.group_config import GroupConfig
from openclaw.agents.specs import Specs
from openclaw.clock import SystemClock
from openclaw.config import load
from openclaw.containers.channel import Channel, Channels
from openclaw.containers.cli import Cli, end
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.runtime import OUT_OF_MEMORY, ContainerSpec, Exit
from openclaw.errors import ImageMissing, NameConflict
from openclaw.message import Frame
from openclaw.spool import Watcher
from tests.docker.conftest import build
from tests.support.exits import Exits
from tests.support.specs import make_spec, make_specs

WAIT = 60
Make = Callable[..., ContainerSpec]
Probe = Callable[[str], tuple[int, str]]
MakeSpecs = Callable[..., Specs]
See = Callable[..., Probe]
BringUp = Callable[..., str]


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


@pytest.fixture
def next_removed(engine: Cli, installation: str) -> Iterator[Callable[[], str]]:
    """Waits for the next removal of a container of this installation, and gives its name."""
    ours = f"--filter=label=openclaw.installation={installation}"
    events = engine.spawn(["events", "--filter=event=destroy", ours, "--format={{.Actor.Attributes.name}}"])
    assert events.stdout is not None
    stream = events.stdout

    def next_removed() -> str:
        assert select.select([stream], [], [], WAIT)[0], "nothing is removed"
        return stream.readline().decode().strip()

    yield next_removed
    end(events)


@pytest.fixture
def bring_up(engine: Cli, image: str, installation: str) -> Iterator[BringUp]:
    """Makes a container by the engine's CLI with a cid's label, of this installation or another; its name."""
    others = []

    def bring_up(verb: str, cid: str, *command: str, ours: bool = True) -> str:
        name = f"{installation}-{cid}"
        owner = installation if ours else f"other-than-{installation}"
        labels = [f"--label=openclaw.installation={owner}", f"--label=openclaw.cid={cid}"]
        options = [f"--name={name}", "--network=none", f"--entrypoint={command[0]}", *labels]
        assert engine.run([verb, *options, image, *command[1:]], WAIT).code == 0
        if not ours:
            others.append(name)
        return name

    yield bring_up
    for name in others:
        engine.run(["rm", "--force", name], WAIT)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An OPENCLAW_HOME with two groups beside Main."""
    for group in ("main", "global", "friends", "family"):
        (tmp_path / "home/groups" / group).mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """The user's home, with a folder of projects that may be written."""
    user = tmp_path / "user"
    (user / "projects").mkdir(parents=True)
    (user / ".config/openclaw").mkdir(parents=True)
    allowed = {"allow": [{"path": "~/projects", "readonly": False}]}
    (user / ".config/openclaw/mount-allowlist.json").write_text(json.dumps(allowed))
    return user


@pytest.fixture
def specs(installation: str, home: Path, user: Path) -> MakeSpecs:
    """Makes Specs for groups with these settings."""

    def make(**groups: dict[str, Any]) -> Specs:
        config = load({"OPENCLAW_HOME": str(home), "CONTAINER_PREFIX": installation})
        settings = {group: GroupConfig.from_json(given) for group, given in groups.items()}
        return make_specs(config, home / "ipc/channels", **settings)

    return make


@pytest.fixture
def see(runtime: DockerRuntime, engine: Cli, specs: MakeSpecs) -> See:
    """Starts a container for a group with these settings; gives what runs shell commands in it."""
    cids = itertools.count()

    def see(group: str, **settings: Any) -> Probe:
        made = specs(**{group: settings}).dedicated(f"c{next(cids)}", group, "m1")
        spec = with_channel(made, runtime)
        runtime.start(spec).result(WAIT)

        def inside(script: str) -> tuple[int, str]:
            output = engine.run(["exec", spec.name, "sh", "-c", script], WAIT)
            return output.code, output.stdout + output.stderr

        return inside

    return see


def with_channel(spec: ContainerSpec, runtime: DockerRuntime) -> ContainerSpec:
    """The spec, with the directories of its channel made."""
    for name in ("in", "out", "gw"):
        (spec.channel_path / name).mkdir(parents=True)
    os.chown(spec.channel_path / "out", runtime.container_uid, -1)
    return spec


# Life


def test_an_agent_answers_through_its_channel(runtime: DockerRuntime, make: Make, channel: Channel) -> None:
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    violations: queue.SimpleQueue[str] = queue.SimpleQueue()
    channel.listen(frames.put, lambda *_: None, violations.put)
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
    first = DockerRuntime(Cli(engine.program), SystemClock(), installation, image)
    spec = make_spec(tmp_path, f"{installation}-main", first.container_uid)
    first.open(Exits().on_exit, Exits().on_engine_up, Exits().on_image_changed)
    first.start(spec).result(WAIT)
    first.close()

    exits = Exits()
    second = DockerRuntime(Cli(engine.program), SystemClock(), installation, image)
    second.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
    (found,) = second.list()
    assert (found.name, found.running, found.config) == (spec.name, True, second.config_digest(spec))
    second.kill(spec.cid).result(WAIT)

    assert exits.next() == Exit(spec.cid, 137, "")
    second.close()


def test_a_killed_container_is_told_and_stays_listed_until_removed(
    runtime: DockerRuntime, make: Make, exits: Exits
) -> None:
    spec = make()
    runtime.start(spec).result(WAIT)

    runtime.kill(spec.cid).result(WAIT)

    assert exits.next() == Exit(spec.cid, 137, "")
    (found,) = runtime.list()
    assert (found.running, found.exit_code) == (False, 137)
    runtime.kill(spec.cid).result(WAIT)
    runtime.remove(spec.cid).result(WAIT)
    assert runtime.list() == []
    runtime.remove(spec.cid).result(WAIT)


def test_an_exit_tells_which_of_two_containers_of_one_name_has_ended(
    runtime: DockerRuntime, engine: Cli, make: Make, exits: Exits
) -> None:
    old, new = make(cid="old"), make(cid="new")
    runtime.start(old).result(WAIT)
    runtime.start(new).result(WAIT)  # which takes the name from the old one

    assert exits.next() == Exit("old", 137, "")
    runtime.kill("old").result(WAIT)
    runtime.remove("old").result(WAIT)
    assert [(found.cid, found.running) for found in runtime.list()] == [("new", True)]
    engine.run(["kill", new.name])
    assert exits.next() == Exit("new", 137, "")


@pytest.mark.parametrize("verb", ["kill", "remove"])
def test_a_paused_container_can_be_ended(
    runtime: DockerRuntime, engine: Cli, make: Make, exits: Exits, verb: str
) -> None:
    spec = make()
    runtime.start(spec).result(WAIT)
    assert engine.run(["pause", spec.name]).code == 0
    (found,) = runtime.list()
    assert found.running

    getattr(runtime, verb)(spec.cid).result(WAIT)

    assert exits.next() == Exit(spec.cid, 137, "")


def test_a_container_removed_by_somebody_else_is_told_once(
    runtime: DockerRuntime, engine: Cli, make: Make, exits: Exits
) -> None:
    spec = make()
    runtime.start(spec).result(WAIT)

    engine.run(["rm", "--force", spec.name], WAIT)

    assert exits.next() == Exit(spec.cid, 137, "")
    assert runtime.list() == []
    assert exits.told.empty()


def test_a_runner_that_fails_is_told_with_its_code_and_last_words(
    runtime: DockerRuntime, make: Make, exits: Exits, caplog: pytest.LogCaptureFixture
) -> None:
    spec = make(env={"OPENCLAW_ENGINE": "no-such-engine"})

    runtime.start(spec).result(WAIT)

    assert exits.next() == Exit(spec.cid, 2, "")
    runtime.remove(spec.cid).result(WAIT)
    (told,) = (record.getMessage() for record in caplog.records)
    assert f"{spec.name} ended by itself; the last that it wrote: agent_runner:" in told


def test_eight_containers_start_side_by_side(runtime: DockerRuntime, make: Make) -> None:
    specs = [make(f"c{number}") for number in range(8)]

    starts = wait([runtime.start(spec) for spec in specs], WAIT)

    assert not starts.not_done
    assert all(start.exception() is None for start in starts.done)
    assert {found.name for found in runtime.list() if found.running} == {spec.name for spec in specs}
    removals = wait([runtime.remove(spec.cid) for spec in specs], WAIT)
    assert all(removal.exception() is None for removal in removals.done)
    assert runtime.list() == []


def test_what_is_to_go_while_it_is_being_started_is_gone_afterwards(
    runtime: DockerRuntime, make: Make, exits: Exits
) -> None:
    specs = [make(f"c{number}") for number in range(4)]
    starts = [runtime.start(spec) for spec in specs]
    removals = [runtime.remove(spec.cid) for spec in specs]

    wait(starts, WAIT)
    assert not wait(removals, WAIT).not_done

    assert runtime.list() == []


def test_what_belongs_to_nobody_is_removed_at_each_tick_and_nothing_else_is(
    runtime: DockerRuntime, engine: Cli, make: Make, bring_up: BringUp, next_removed: Callable[[], str]
) -> None:
    """As the engine brings it up after a kill -9 of the service that had asked for it: created, running, or over."""
    bring_up("create", "taken-over", "sleep", "1000")
    others = bring_up("create", "others", "sleep", "1000", ours=False)
    assert [found.cid for found in runtime.list()] == ["taken-over"]
    runtime.start(make("mine", cid="mine")).result(WAIT)

    created = bring_up("create", "created", "sleep", "1000")
    runtime.look_soon()
    assert next_removed() == created
    started = bring_up("create", "started", "sleep", "1000")
    engine.run(["start", started], WAIT)
    runtime.look_soon()
    assert next_removed() == started
    over = bring_up("run", "over", "true")
    runtime.look_soon()
    assert next_removed() == over

    assert sorted(found.cid for found in runtime.list()) == ["mine", "taken-over"]
    assert engine.run(["inspect", "--format={{.Name}}", others]).code == 0


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
    other = DockerRuntime(Cli(engine.program), SystemClock(), f"other-than-{spec.name}", image)
    other.start(spec).result(WAIT)
    try:
        with pytest.raises(NameConflict, match="CONTAINER_PREFIX"):
            runtime.start(spec).result(WAIT)
        runtime.remove(spec.cid).result(WAIT)

        assert [found.running for found in other.list()] == [True]
    finally:
        other.remove(spec.cid).result(WAIT)
        other.close()


def test_a_missing_image_says_how_to_make_it(engine: Cli, installation: str, tmp_path: Path) -> None:
    runtime = DockerRuntime(Cli(engine.program), SystemClock(), installation, "openclaw-agent:there-is-none")

    with pytest.raises(ImageMissing, match="make image"):
        runtime.start(make_spec(tmp_path, f"{installation}-c1", runtime.container_uid)).result(WAIT)
    runtime.close()


def test_an_image_that_loses_its_name_to_another_one_is_told_at_the_next_tick(
    engine: Cli, image: str, installation: str, tmp_path: Path, exits: Exits
) -> None:
    """`docker build` of the same tag, as by `make image` while the service runs; the list alone tells."""
    name = f"openclaw-test:{installation}"
    engine.run(["tag", image, name])
    runtime = DockerRuntime(Cli(engine.program), SystemClock(), installation, name)
    try:
        runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
        spec = make_spec(tmp_path, f"{installation}-c1", runtime.container_uid)
        old = runtime.config_digest(spec)
        runtime.start(spec).result(WAIT)
        runtime.list()
        assert exits.images.empty()

        build(engine, f"FROM {image}\nLABEL changed=yes\n", name)
        runtime.look_soon()

        exits.image_changed()
        assert runtime.config_digest(spec) != old
        runtime.remove(spec.cid).result(WAIT)
    finally:
        runtime.close()
        engine.run(["rmi", "--force", name], WAIT)


# Walls


def test_the_agent_is_an_ordinary_user_without_capabilities(runtime: DockerRuntime, probe: Probe) -> None:
    assert probe("id -u") == (0, str(runtime.container_uid))
    assert runtime.container_uid != 0
    _, status = probe("cat /proc/self/status")
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize(
    "path", ["/opt/openclaw", "/etc", "/workspace/group", "/channel/in", "/channel/gw", "/channel", "/"]
)
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
    assert ours == {"/channel/in", "/channel/out", "/channel/gw", "/workspace/group"}


def test_a_groups_container_sees_its_own_folder_and_the_global_one_and_nothing_of_another(
    see: See, home: Path
) -> None:
    (home / "groups/friends/notes.md").write_text("of friends")
    (home / "groups/family/notes.md").write_text("of family")
    (home / "groups/global/CLAUDE.md").write_text("for everybody")

    inside = see("friends")

    assert inside("cat notes.md /workspace/global/CLAUDE.md") == (0, "of friendsfor everybody")
    assert inside("echo more >> notes.md")[0] == 0
    for path in ("/workspace/global/CLAUDE.md", "/workspace/global/new", "sessions/default.jsonl"):
        assert "Read-only file system" in inside(f"echo x > {path}")[1]
    assert inside("ls /workspace")[1].split() == ["global", "group"]
    search = "grep -rsl '{}' / --exclude-dir=proc --exclude-dir=sys"
    assert inside(search.format("of friends"))[1] == "/workspace/group/notes.md"
    assert inside(search.format("of family"))[1] == ""


ATTEMPTS = (
    "echo x > group.json", "rm -f group.json", "mv group.json x", "ln -sf x group.json", "mv sessions x",
    "mv .claude x", "mkdir .claude/agents", "rm -rf .claude/agent-memory", "mv .claude/agent-memory x",
)  # fmt: skip


def test_an_agent_cannot_change_its_groups_settings(see: See, home: Path) -> None:
    inside = see("friends")

    for attempt in ATTEMPTS:
        assert inside(attempt)[0] != 0, attempt
    assert (home / "groups/friends/group.json").read_text() == "{}\n"


def test_an_agent_keeps_notes_where_they_belong(see: See, home: Path) -> None:
    assert see("friends")("echo 'likes tea' > .claude/agent-memory/MEMORY.md")[0] == 0
    assert (home / "groups/friends/.claude/agent-memory/MEMORY.md").read_text() == "likes tea\n"


def test_an_extra_mount_is_there_to_be_read_by_its_name(see: See, user: Path) -> None:
    (user / "projects/site").mkdir()
    (user / "projects/site/index.html").write_text("hello")
    user.chmod(0o755)

    inside = see("friends", mounts=[{"path": "~/projects", "name": "code"}])

    assert inside("cat /workspace/extra/code/site/index.html") == (0, "hello")
    assert "Read-only file system" in inside("touch /workspace/extra/code/x")[1]
    assert inside("ls /workspace/extra") == (0, "code")


def test_an_extra_mount_can_be_written_where_the_user_allows_both(
    see: See, user: Path, runtime: DockerRuntime
) -> None:
    (user / "projects").chmod(0o777)

    inside = see("friends", mounts=[{"path": "~/projects", "readonly": False}])

    assert inside("echo made > /workspace/extra/projects/x") == (0, "")
    assert (user / "projects/x").read_text() == "made\n"
    assert (user / "projects").stat().st_uid == os.getuid(), "a user's folder is not handed over"


def test_a_subagent_reads_the_paths_that_it_was_given_and_writes_mains_folder(
    runtime: DockerRuntime, engine: Cli, specs: MakeSpecs, home: Path, user: Path
) -> None:
    (user / "projects/plan.md").write_text("the plan")
    spec = with_channel(specs().subagent("c1", "m1.s1", ["~/projects/plan.md"]), runtime)

    runtime.start(spec).result(WAIT)

    script = "cp /workspace/extra/plan-md copy.md && cat copy.md"
    assert engine.run(["exec", spec.name, "sh", "-c", script], WAIT).stdout == "the plan"
    assert (home / "groups/main/copy.md").read_text() == "the plan"


def test_a_group_reaches_no_network_or_the_bridge_as_its_settings_say(see: See) -> None:
    assert see("friends", network="none")("ls /sys/class/net") == (0, "lo")
    assert see("friends", network="bridge")("ls /sys/class/net")[1].split() == ["eth0", "lo"]


def test_the_limits_are_the_specs(runtime: DockerRuntime, engine: Cli, make: Make) -> None:
    spec = make(memory_mb=96, pids=77, cpus=0.5)
    runtime.start(spec).result(WAIT)

    limits = json.loads(engine.run(["inspect", "--format={{json .HostConfig}}", spec.name]).stdout)

    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (96 << 20, 96 << 20, 77)
    assert limits["NanoCpus"] == 5 * 10**8
    assert (limits["LogConfig"]["Type"], limits["Privileged"], limits["Init"]) == ("local", False, True)


def test_an_agent_that_takes_too_much_memory_is_said_to_have_run_out(
    runtime: DockerRuntime, make: Make, exits: Exits
) -> None:
    spec = make(memory_mb=8)  # less than the runner needs

    runtime.start(spec).result(WAIT)

    assert exits.next() == Exit(spec.cid, 137, OUT_OF_MEMORY)
