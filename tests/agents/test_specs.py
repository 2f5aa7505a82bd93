"""What containers are started with: the walls between groups, and what a group's settings change."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.group_config import GroupConfig
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.specs import Specs
from openclaw.audit import costs
from openclaw.config import load
from openclaw.containers.runtime import ContainerSpec, Mount
from openclaw.errors import DamagedGroup, MountRefused, StartFailed, UnknownGroup
from tests.support.specs import make_specs


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder of the user's that the allowlist allows to be read."""
    allowlist = tmp_path / "user/.config/openclaw/mount-allowlist.json"
    allowlist.parent.mkdir(parents=True)
    shared = tmp_path / "user/shared"
    shared.mkdir()
    allowlist.write_text(json.dumps({"allow": [{"path": "~/shared"}]}))
    return shared


def specs(home: Path, **groups: dict[str, Any]) -> Specs:
    """Specs for Main and for groups with these settings."""
    configs = {group: GroupConfig.from_json(settings) for group, settings in groups.items()}
    return make_specs(load({"OPENCLAW_HOME": str(home)}), home / "ipc/channels", **configs)


def notes(home: Path, group: str) -> Mount:
    folder = ".claude/agent-memory"
    return Mount(home / "groups" / group / folder, f"/workspace/group/{folder}", readonly=False, ours=True)


def sources(spec: ContainerSpec) -> set[Path]:
    return {spec.group_dir, *(mount.source for mount in spec.mounts)}


def test_a_groups_container_has_its_own_folder_and_reads_the_global_one(home: Path) -> None:
    spec = specs(home, friends={}).dedicated("c1", "friends", "m1")

    assert (spec.group_dir, spec.group_writable) == (home / "groups/friends", True)
    assert spec.mounts == (
        Mount(home / "groups/global", "/workspace/global", readonly=True, ours=True),
        Mount(home / "groups/friends/sessions", "/workspace/group/sessions", readonly=True),
        Mount(home / "groups/.settings/.cover", "/workspace/group/group.json", readonly=True),
        Mount(home / "groups/friends/.claude", "/workspace/group/.claude", readonly=True),
        notes(home, "friends"),
    )
    assert all(source.exists() for source in sources(spec))


def test_no_link_in_the_place_of_settings_leads_a_mount_to_what_it_points_at(home: Path) -> None:
    """A container that could write the name would have the next one shown any file of the host."""
    made = specs(home, friends={})
    (home / "groups/friends/group.json").symlink_to("/etc/passwd")

    spec = made.dedicated("c1", "friends", "m1")

    assert "/workspace/group/group.json" not in [mount.target for mount in spec.mounts]
    assert all(not source.is_symlink() for source in sources(spec))


def test_a_runner_is_told_its_engine_and_the_model_and_no_key(tmp_path: Path) -> None:
    settings = {"ANTHROPIC_API_KEY": "sk-1", "ANTHROPIC_MODEL": "a-model", "OPENCLAW_MAX_TOKENS": "1000"}
    made = make_specs(load({"OPENCLAW_HOME": str(tmp_path), **settings}), tmp_path / "ipc/channels")

    env = made.main("c1").env

    assert (env["OPENCLAW_ENGINE"], env["OPENCLAW_MODEL"]) == ("messages", "a-model")
    assert (env["OPENCLAW_MAX_TOKENS"], env["OPENCLAW_CONTEXT_TOKENS"]) == ("1000", "200000")
    assert "sk-1" not in str(env)


def test_a_runner_is_told_what_the_audits_calibration_measured_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    made = make_specs(load({"OPENCLAW_HOME": f"{tmp_path}/home"}), tmp_path / "ipc/channels")
    assert costs.HANDED_ON not in made.main("c1").env

    costs.save(costs.default_file(os.environ), {"fsync": (1.5, 40.0)}, "2026-01-01")

    told = (made.main("c1"), made.standby("c2"), made.subagent("c3", "m1"))
    assert {spec.env[costs.HANDED_ON] for spec in told} == {'{"ms":{"fsync":[1.5,40.0]}}'}
    assert costs.current({**told[0].env, "HOME": f"{tmp_path}/inside"})["fsync"].calibrated


def test_of_other_groups_it_has_nothing(home: Path) -> None:
    made = specs(home, friends={}, family={})
    of_main = (made.main("c1"), made.subagent("c2", "m1.s1"), made.standby("c3"))

    for spec in (*of_main, made.dedicated("c4", "friends", "m1")):
        others = {home / "groups" / name for name in ("friends", "family", "main")} - {spec.group_dir}
        assert not any(source.is_relative_to(other) for source in sources(spec) for other in others)
        assert not any(spec.group_dir.is_relative_to(source) for source in sources(spec) - {spec.group_dir})


def test_limits_network_and_mounts_are_the_groups(home: Path, shared: Path) -> None:
    settings = {"memory_mb": 99, "pids": 33, "cpus": 0.5, "network": "bridge", "mounts": [{"path": "~/shared"}]}

    spec = specs(home, friends=settings).dedicated("c1", "friends", "m1")

    assert (spec.memory_mb, spec.pids, spec.cpus, spec.network) == (99, 33, 0.5, "bridge")
    assert spec.env["OPENCLAW_NETWORK"] == "bridge"
    assert spec.mounts[-1] == Mount(shared, "/workspace/extra/shared")


def test_settings_hold_for_mains_single_use_containers_and_not_for_its_persistent_one(home: Path, shared: Path) -> None:
    made = specs(home, main={"memory_mb": 99, "network": "bridge", "mounts": [{"path": "~/shared"}]})

    for spec in (made.dedicated("c1", "main", "m1"), made.subagent("c2", "m1.s1"), made.standby("c3")):
        assert (spec.memory_mb, spec.network, spec.mounts[-1].source) == (99, "bridge", shared)
    assert made.main("c4").network == "none"
    assert "OPENCLAW_NETWORK" not in made.main("c4").env
    assert "/workspace/extra/shared" not in [mount.target for mount in made.main("c4").mounts]


def test_the_model_is_the_groups_own_or_the_installations(home: Path) -> None:
    config = load({"OPENCLAW_HOME": str(home), "ANTHROPIC_API_KEY": "canary", "ANTHROPIC_MODEL": "large"})
    settings = {"friends": GroupConfig(model="small"), "family": GroupConfig()}
    made = make_specs(config, home / "ipc/channels", **settings)

    friends, family = made.dedicated("c1", "friends", "m1"), made.dedicated("c2", "family", "m2")

    assert [spec.env["OPENCLAW_MODEL"] for spec in (friends, family, made.main("c3"))] == ["small", "large", "large"]
    assert friends.env["OPENCLAW_ENGINE"] == "messages"
    assert "canary" not in str(friends)


def test_so_is_that_of_mains_persistent_container(home: Path) -> None:
    made = specs(home, main={"model": "tiny"})

    assert made.main("c1").env["OPENCLAW_MODEL"] == made.standby("c2").env["OPENCLAW_MODEL"] == "tiny"
    assert made.main("c1").env["OPENCLAW_ENGINE"] == "offline"


def test_settings_of_main_that_cannot_be_read_leave_its_persistent_container_the_installations_model(
    home: Path,
) -> None:
    def damaged(group: str) -> GroupConfig:
        raise DamagedGroup(group)

    config = load({"OPENCLAW_HOME": str(home), "ANTHROPIC_MODEL": "large"})
    made = Specs(config, home, config_of=damaged, allowlist=MountAllowlist(home), sandboxed=True)

    assert made.main("c1").env["OPENCLAW_MODEL"] == "large"


def test_mains_persistent_container_writes_notes_only_and_its_subagents_write_the_groups_folder(home: Path) -> None:
    made = specs(home)

    assert not made.main("c1").group_writable
    assert [mount for mount in made.main("c1").mounts if not mount.readonly] == [notes(home, "main")]
    assert made.subagent("c2", "m1.s1").group_writable
    assert made.subagent("c2", "m1.s1").group_dir == home / "groups/main"


def test_a_container_that_could_write_settings_finds_them_there_and_read_only(home: Path) -> None:
    """Else Main's subagents could make a group.json where there is none, and with it a network for the next ones."""
    spec = specs(home).subagent("c1", "m1.s1")

    assert (home / "groups/main/group.json").read_text() == "{}\n"
    assert Mount(home / "groups/.settings/.cover", "/workspace/group/group.json", readonly=True) in spec.mounts


def test_settings_that_are_there_stay_as_they_are(home: Path) -> None:
    made = specs(home)
    (home / "groups/main/group.json").write_text('{"pids": 99}')
    made.subagent("c1", "m1.s1")

    assert (home / "groups/main/group.json").read_text() == '{"pids": 99}'


@pytest.mark.parametrize("name", ["sessions", ".claude", ".claude/agent-memory"])
def test_what_is_mounted_over_itself_is_no_link_to_elsewhere(home: Path, name: str) -> None:
    made = specs(home, friends={})
    link = home / "groups/friends" / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/etc")

    with pytest.raises(StartFailed, match=f"{link} is no folder"):
        made.dedicated("c1", "friends", "m1")


def test_main_serves_without_notes_where_their_folder_cannot_be_used(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = specs(home)
    (home / "groups/main/.claude").symlink_to("/etc")

    assert all(mount.readonly for mount in made.main("c1").mounts)
    assert "Main's agent can keep no notes" in caplog.text


def test_a_subagents_paths_are_read_only_and_by_the_allowlist(home: Path, shared: Path) -> None:
    (shared / "notes").mkdir()
    made = specs(home, main={"mounts": [{"path": "~/shared", "name": "notes"}]})

    spec = made.subagent("c1", "m1.s1", ["~/shared/notes", str(shared)])

    assert spec.mounts[-3:] == (
        Mount(shared, "/workspace/extra/notes"),
        Mount(shared / "notes", "/workspace/extra/notes-2"),
        Mount(shared, "/workspace/extra/shared"),
    )
    assert spec.places == ("/workspace/extra/notes-2", "/workspace/extra/shared")
    with pytest.raises(MountRefused, match="/etc"):
        made.subagent("c1", "m1.s1", ["/etc"])


def test_without_a_sandbox_a_subagents_paths_are_where_they_are(home: Path, shared: Path) -> None:
    (home / "groups/main/src").mkdir(parents=True)
    config = load({"OPENCLAW_HOME": str(home)})
    allowlist = MountAllowlist(home, shared.parent)
    made = Specs(config, home, config_of=lambda _: GroupConfig(), allowlist=allowlist, sandboxed=False)

    places = made.subagent("c1", "m1.s1", ["~/shared", "src"]).places

    assert places == (str(shared), str(home / "groups/main/src"))


def test_a_mount_that_is_not_allowed_is_refused_when_it_is_needed(home: Path, shared: Path) -> None:
    made = specs(home, friends={"mounts": [{"path": str(shared.parent)}]})

    with pytest.raises(MountRefused):
        made.dedicated("c1", "friends", "m1")


def test_a_standby_container_is_as_a_subagents_but_for_its_message(home: Path) -> None:
    made = specs(home)
    standby, subagent = made.standby("c1"), made.subagent("c1", "m1.s1")

    assert (standby.role, standby.message_id) == ("standby", "")
    assert (subagent.role, subagent.message_id) == ("dedicated", "m1.s1")
    assert (standby.mounts, standby.group_writable, standby.memory_mb, standby.network) == (
        subagent.mounts, subagent.group_writable, subagent.memory_mb, subagent.network,
    )  # fmt: skip


def test_names_differ_by_cid_even_where_groups_differ_by_case_only(home: Path) -> None:
    made = specs(home, Friends={}, friends={})
    capital, small = made.dedicated("c1", "Friends", "m1"), made.dedicated("c2", "friends", "m2")

    assert (capital.name, small.name) == ("openclaw-friends-c1", "openclaw-friends-c2")
    assert sources(capital) & sources(small) == {home / "groups/global", home / "groups/.settings/.cover"}
    assert {made.main("c3").name, made.subagent("c4", "m").name, made.standby("c5").name} == {
        "openclaw-main-persistent", "openclaw-subagent-c4", "openclaw-standby-c5",
    }  # fmt: skip


def test_every_container_is_told_its_role(home: Path) -> None:
    made = specs(home, friends={})
    told = [made.main("c"), made.dedicated("c", "friends", "m"), made.subagent("c", "m.s1"), made.standby("c")]

    assert [spec.env["OPENCLAW_ROLE"] for spec in told] == ["main", "dedicated", "dedicated", "standby"]
    assert not any("OPENCLAW_UNSANDBOXED" in spec.env for spec in told)


@pytest.mark.parametrize(("setting", "told"), [("false", "no"), ("true", "yes")])
def test_without_a_sandbox_agents_are_told_whether_they_may_act_all_the_same(
    home: Path, setting: str, told: str
) -> None:
    config = load({"OPENCLAW_HOME": str(home), "ALLOW_UNSANDBOXED_TOOLS": setting})
    (home / "groups/main").mkdir(parents=True)
    made = Specs(
        config, home, config_of=lambda _: GroupConfig(), allowlist=MountAllowlist(home, home), sandboxed=False
    )

    assert {spec.env["OPENCLAW_UNSANDBOXED"] for spec in (made.main("c"), made.standby("c"))} == {told}


def test_a_group_that_is_gone_gets_no_container(home: Path) -> None:
    def unknown(group: str) -> GroupConfig:
        raise UnknownGroup(group)

    config = load({"OPENCLAW_HOME": str(home)})
    made = Specs(config, home, config_of=unknown, allowlist=MountAllowlist(home, home), sandboxed=True)

    with pytest.raises(UnknownGroup):
        made.dedicated("c1", "friends", "m1")
    assert not home.exists(), "nothing is made for it"
