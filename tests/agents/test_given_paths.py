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
    (ground.user / "projects/inward").symlink_to(ground.group / "src")
    (ground.user / "projects/outward").symlink_to(ground.user / "secrets")

    assert ground.given("inner", "~/projects/inward").places == ("/workspace/extra/main/src",) * 2
    with pytest.raises(MountRefused):
        ground.given("~/projects/outward")


def test_what_is_not_in_the_groups_folder_is_said_to_be_missing(ground: Ground) -> None:
    with pytest.raises(MountRefused, match=r"^missing/x cannot be read: there is no such file or folder in the group"):
        ground.given("missing/x")


@pytest.mark.parametrize("name", ["../../../user/secrets", "out", "gone", "/workspace/group/../friends"])
def test_what_leads_out_of_the_groups_folder_is_refused_alike_whether_anything_is_there_or_not(
    ground: Ground, name: str
) -> None:
    (ground.group / "out").symlink_to(ground.user / "projects")
    (ground.group / "gone").symlink_to(ground.user / "nothing")
    (ground.group.parent / "friends").mkdir()

    with pytest.raises(MountRefused, match=r" cannot be read: it leads out of the group's folder"):
        ground.given(name)


def test_where_credentials_are_kept_nothing_is_given(ground: Ground) -> None:
    (ground.group / "backup/.ssh").mkdir(parents=True)

    with pytest.raises(MountRefused, match=r"credentials are kept in \.ssh"):
        ground.given("backup/.ssh")
