"""What a subagent is given to read: its group's own files, and of the host what is allowed; never by way of a link."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw.agents.given_paths import GivenPaths, resolve
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.containers.runtime import Mount
from openclaw.errors import MountRefused


class Ground:
    """A group's folder with `src/app.py`, and a user's home of which `projects` is allowed."""

    def __init__(self, root: Path) -> None:
        self.group, self.user = root / "home/groups/main", root / "user"
        (self.group / "src").mkdir(parents=True)
        (self.group / "src/app.py").touch()
        for folder in ("projects/site", "secrets", ".config/openclaw"):
            (self.user / folder).mkdir(parents=True)
        self.allowlist = MountAllowlist(root / "home", self.user)
        self.allowlist.path.write_text(json.dumps({"allow": [{"path": "~/projects"}]}))
        self.allowlist.path.chmod(0o600)

    def given(self, *paths: str, taken: tuple[str, ...] = ()) -> GivenPaths:
        return resolve(paths, self.group, taken, self.allowlist)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_what_is_in_the_groups_folder_is_seen_in_it_to_be_read_only(ground: Ground) -> None:
    given = ground.given("src", "./src/app.py", "/workspace/group/src", str(ground.group / "src"), "/workspace/group")

    assert given.mounts == (Mount(ground.group, "/workspace/extra/main", readonly=True),)
    view = "/workspace/extra/main"
    assert given.places == (f"{view}/src", f"{view}/src/app.py", f"{view}/src", f"{view}/src", view)
    assert given.at_host[1] == str(ground.group / "src/app.py")


def test_a_place_of_the_host_is_a_mount_of_its_own_by_the_allowlist(ground: Ground) -> None:
    given = ground.given("~/projects/site", "src", "~/projects/site", taken=("main", "site"))

    assert given.mounts == (
        Mount(ground.group, "/workspace/extra/main-2"),
        Mount(ground.user / "projects/site", "/workspace/extra/site-2"),
    )
    assert given.places == ("/workspace/extra/site-2", "/workspace/extra/main-2/src", "/workspace/extra/site-2")
    with pytest.raises(MountRefused, match="~/secrets cannot be mounted"):
        ground.given("src", "~/secrets")


def test_a_link_is_followed_before_it_is_decided(ground: Ground) -> None:
    (ground.group / "inner").symlink_to("src")
    (ground.group / "src/up").symlink_to("../src/./app.py")
    (ground.user / "projects/outward").symlink_to(ground.user / "secrets")

    assert ground.given("inner", "src/up").places == ("/workspace/extra/main/src", "/workspace/extra/main/src/app.py")
    with pytest.raises(MountRefused):
        ground.given("~/projects/outward")


def test_what_is_not_in_the_groups_folder_is_said_to_be_missing(ground: Ground) -> None:
    with pytest.raises(MountRefused, match=r"^missing/x cannot be read: there is no such file or folder in the group"):
        ground.given("missing/x")


@pytest.mark.parametrize("name", ["out", "gone", "out/site", "gone/site", "back", "home", "chain"])
def test_what_leads_out_of_the_groups_folder_is_refused_alike_whether_anything_is_there_or_not(
    ground: Ground, name: str
) -> None:
    (ground.group / "out").symlink_to(ground.user / "projects")
    (ground.group / "gone").symlink_to(ground.user / "nothing")
    (ground.group / "back").symlink_to("../main/src")
    (ground.group / "home").symlink_to(ground.group / "src")
    (ground.group / "chain").symlink_to("gone")

    with pytest.raises(MountRefused, match=r" cannot be read: it leads out of the group's folder"):
        ground.given(name)
    with pytest.raises(MountRefused, match=r" cannot be read: it leads out of the group's folder"):
        ground.given(str(ground.group / name))


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("start", ["HOST", "../../../user"])
def test_a_link_that_comes_back_does_not_tell_what_it_has_passed(ground: Ground, there: bool, start: str) -> None:
    if there:
        (ground.user / "id_key").mkdir()
    way = f"{start.replace('HOST', str(ground.user))}/id_key/../../home/groups/main/src"
    (ground.group / "a").symlink_to(way)
    (ground.group / "b").symlink_to("a/app.py")

    for name in ("a", "a/app.py", "b"):
        with pytest.raises(MountRefused, match=f"^{name} cannot be read: it leads out of the group's folder"):
            ground.given(name)


@pytest.mark.parametrize(
    "name", ["../../../user/secrets", "src/../src", "/workspace/group/../friends", "~/../home/groups/main/src"]
)
def test_a_path_is_named_without_dots(ground: Ground, name: str) -> None:
    with pytest.raises(MountRefused, match=r": name it without \.\.$"):
        ground.given(name)


def test_links_that_lead_in_a_circle_lead_nowhere(ground: Ground) -> None:
    (ground.group / "one").symlink_to("two")
    (ground.group / "two").symlink_to("one")

    with pytest.raises(MountRefused, match="there is no such file or folder in the group's folder"):
        ground.given("one")


def test_where_credentials_are_kept_nothing_is_given(ground: Ground) -> None:
    (ground.group / "backup/.ssh").mkdir(parents=True)

    with pytest.raises(MountRefused, match=r"credentials are kept in \.ssh"):
        ground.given("backup/.ssh")
