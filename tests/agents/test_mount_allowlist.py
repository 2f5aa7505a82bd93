"""What of the host a container may be given: what the user's allowlist says, and never where credentials are kept."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.group_config import MountRequest
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.containers.process import CHECKOUT
from openclaw.containers.runtime import Mount
from openclaw.errors import MountRefused

Allow = Callable[..., None]


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """The user's home, with a folder of projects."""
    (tmp_path / "user/projects/site").mkdir(parents=True)
    return tmp_path / "user"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """OPENCLAW_HOME."""
    (tmp_path / "home/groups/friends").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def allowlist(home: Path, user: Path) -> MountAllowlist:
    return MountAllowlist(home, user)


@pytest.fixture
def allow(allowlist: MountAllowlist) -> Allow:
    """Writes the file: each entry is a path to be read, or an object."""

    def allow(*entries: object) -> None:
        allowlist.path.parent.mkdir(parents=True, exist_ok=True)
        objects = [{"path": str(entry)} if isinstance(entry, str | Path) else entry for entry in entries]
        allowlist.path.write_text(json.dumps({"allow": objects}))
        allowlist.path.chmod(0o600)

    return allow


def read(path: object, name: str = "x") -> MountRequest:
    return MountRequest(str(path), name)


def write(path: object, name: str = "x") -> MountRequest:
    return MountRequest(str(path), name, readonly=False)


def refusal(allowlist: MountAllowlist, request: MountRequest) -> str:
    with pytest.raises(MountRefused) as refused:
        allowlist.resolve([request])
    return str(refused.value)


# What is allowed


def test_who_asks_for_nothing_needs_no_allowlist(allowlist: MountAllowlist) -> None:
    assert allowlist.resolve([]) == ()


def test_without_the_file_nothing_is_allowed_and_the_refusal_says_what_to_write(
    allowlist: MountAllowlist, user: Path
) -> None:
    said = refusal(allowlist, read(user / "projects"))

    assert f"there is no {allowlist.path}" in said
    assert '{"allow": [{"path": "~/projects", "readonly": true}]}' in said


def test_each_refusal_names_its_one_cause(allowlist: MountAllowlist, allow: Allow, user: Path) -> None:
    allow("~/projects")
    (user / "secrets").mkdir()
    (user / "projects/.ssh").mkdir()
    (user / "projects/out").symlink_to(user / "secrets")

    elsewhere = f"lies in no folder that {allowlist.path} allows"
    for path in ("~/secrets", "~/nothing", "~/projects/out", "~/projects/out/nothing"):
        assert elsewhere in refusal(allowlist, read(path)), "and not whether it is there"
    assert "name it without .." in refusal(allowlist, read("~/projects/../projects"))
    assert "there is no such file or folder" in refusal(allowlist, read("~/projects/nothing"))
    assert "credentials are kept in .ssh" in refusal(allowlist, read("~/projects/.ssh"))


def test_an_allowed_folder_and_what_lies_in_it_can_be_read(allowlist: MountAllowlist, allow: Allow, user: Path) -> None:
    allow("~/projects")
    (user / "projects/notes.txt").touch()

    mounts = allowlist.resolve([read("~/projects", "all"), read(user / "projects/notes.txt", "notes")])

    assert mounts == (
        Mount(user / "projects", "/workspace/extra/all"),
        Mount(user / "projects/notes.txt", "/workspace/extra/notes"),
    )


def test_the_file_is_read_each_time(allowlist: MountAllowlist, allow: Allow, user: Path) -> None:
    allow("~/projects")
    allowlist.resolve([read("~/projects")])
    allow()

    refusal(allowlist, read("~/projects"))


def test_writing_takes_a_request_and_an_entry_that_both_say_so(
    allowlist: MountAllowlist, allow: Allow, user: Path
) -> None:
    allow("~/projects", {"path": "~/projects/site", "readonly": False})

    assert allowlist.resolve([write("~/projects/site")])[0].readonly is False
    assert allowlist.resolve([read("~/projects/site")])[0].readonly is True
    assert '"readonly": false' in refusal(allowlist, write("~/projects"))


def test_the_entry_nearest_to_the_source_decides_about_writing(
    allowlist: MountAllowlist, allow: Allow, user: Path
) -> None:
    allow({"path": "~/projects", "readonly": False}, "~/projects/site")

    assert allowlist.resolve([write("~/projects")])[0].readonly is False
    refusal(allowlist, write("~/projects/site"))


def test_an_entry_whose_folder_is_not_there_does_no_harm(allowlist: MountAllowlist, allow: Allow) -> None:
    allow("/media/usb-stick-that-is-not-there", "~/projects")

    assert len(allowlist.resolve([read("~/projects")])) == 1


def test_one_refused_mount_refuses_all(allowlist: MountAllowlist, allow: Allow) -> None:
    allow("~/projects")

    with pytest.raises(MountRefused, match="/srv"):
        allowlist.resolve([read("~/projects"), read("/srv")])


# Links


def test_a_link_that_leads_out_of_what_is_allowed_is_refused(
    allowlist: MountAllowlist, allow: Allow, user: Path
) -> None:
    allow("~/projects")
    (user / "secret").mkdir()
    (user / "projects/link").symlink_to(user / "secret")

    refusal(allowlist, read("~/projects/link"))
    refusal(allowlist, read("~/projects/site/../../secret"))


def test_a_link_is_given_as_the_place_that_it_leads_to(allowlist: MountAllowlist, allow: Allow, user: Path) -> None:
    (user / "code").symlink_to(user / "projects")
    allow("~/code")

    assert allowlist.resolve([read("~/code/site")])[0].source == user / "projects/site"
    assert allowlist.resolve([read("~/projects/site")])[0].source == user / "projects/site"


def test_what_is_not_allowed_gets_the_same_answer_whether_it_is_there_or_not(
    allowlist: MountAllowlist, allow: Allow, user: Path
) -> None:
    """An agent that asks learns nothing about the host."""
    allow("~/projects")
    (user / "secret").mkdir()
    (user / "loop").symlink_to(user / "loop")

    answers = {
        refusal(allowlist, read(user / name)).replace(name, "NAME")
        for name in ("secret", "nothing", "loop", "secret/nothing", "secret/\0")
    }

    assert len(answers) == 1


@pytest.mark.parametrize("there", [True, False])
def test_neither_a_link_nor_dots_tell_what_there_is_on_the_host(
    allowlist: MountAllowlist, allow: Allow, user: Path, there: bool
) -> None:
    """The way back to what is allowed leads by way of what may be there."""
    allow("~/projects")
    if there:
        (user / "id_key").mkdir()
    (user / "projects/absolute").symlink_to(user / "id_key/../projects/site")
    (user / "projects/relative").symlink_to("../id_key/../projects/site")

    for way in ("absolute", "relative"):
        assert "it lies in no folder" in refusal(allowlist, read(f"~/projects/{way}"))
    for path in ("~/id_key/../projects/site", f"{user}/id_key/../projects/site", "~/projects/../projects/site"):
        assert refusal(allowlist, read(path)) == f"{path} cannot be mounted: name it without .."


def test_a_link_may_lead_to_another_place_that_is_allowed(allowlist: MountAllowlist, allow: Allow, user: Path) -> None:
    (user / "media/site").mkdir(parents=True)
    allow("~/projects", "~/media")
    (user / "projects/up").symlink_to("../media/site")
    (user / "projects/over").symlink_to(user / "media")

    assert allowlist.resolve([read("~/projects/up")])[0].source == user / "media/site"
    assert allowlist.resolve([read("~/projects/over/site")])[0].source == user / "media/site"


def test_where_the_home_is_a_link_its_folders_have_both_names(home: Path, user: Path) -> None:
    other = user.parent / "other"
    other.symlink_to(user)
    allowlist = MountAllowlist(home, other)
    allowlist.path.parent.mkdir(parents=True)
    for entry in ("~/projects", f"{user}/projects"):
        allowlist.path.write_text(json.dumps({"allow": [{"path": entry}]}))
        for path in ("~/projects/site", f"{user}/projects/site", f"{other}/projects/site"):
            assert allowlist.resolve([read(path)])[0].source == user / "projects/site"


def test_what_is_not_allowed_is_not_even_looked_at(
    allowlist: MountAllowlist, allow: Allow, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file server may be mounted there that does not answer."""
    allow("~/projects")
    (user / "projects/out").symlink_to(user / "server/files")
    looked: list[str] = []

    def record(name: str) -> None:
        real = getattr(os, name)

        def recorded(path: Any, *rest: Any, **more: Any) -> Any:
            looked.append(os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "")
            return real(path, *rest, **more)

        monkeypatch.setattr(os, name, recorded)

    for name in ("open", "stat", "lstat", "readlink", "scandir", "listdir"):
        record(name)

    refusal(allowlist, read("~/server/files"))
    refusal(allowlist, read("~/projects/out"))

    assert "out" in looked
    assert not [path for path in looked if "server" in path or path == "files"]


# What nobody is given

SYSTEM = ["/etc", "/etc/ssl", "/proc/self", "/sys", "/dev", "/run", "/var/run", "/var", "/boot"]


@pytest.mark.parametrize("place", [".ssh", ".gnupg/private", ".aws", ".config/gh", ".local/share/keyrings", ".netrc"])
def test_places_of_credentials_are_refused_with_what_is_in_them(
    allowlist: MountAllowlist, allow: Allow, user: Path, place: str
) -> None:
    (user / place).mkdir(parents=True)
    allow(user / place)

    assert "credentials" in refusal(allowlist, read(user / place))


def test_a_folder_that_contains_such_a_place_is_refused(allowlist: MountAllowlist, allow: Allow, user: Path) -> None:
    (user / ".local/share/keyrings").mkdir(parents=True)
    allow("~/.local")

    assert "contains" in refusal(allowlist, read("~/.local"))
    assert "contains" in refusal(allowlist, read("~/.local/share"))


def test_it_is_refused_too_where_the_credentials_are_a_link_to_elsewhere(
    allowlist: MountAllowlist, allow: Allow, user: Path
) -> None:
    (user / "projects/vault").mkdir()
    (user / ".aws").symlink_to(user / "projects/vault")
    allow("~/projects")

    assert "credentials" in refusal(allowlist, read("~/projects/vault"))
    assert "contains" in refusal(allowlist, read("~/projects"))
    assert len(allowlist.resolve([read("~/projects/site")])) == 1


def test_another_users_home_and_its_keys_are_refused(allowlist: MountAllowlist, allow: Allow, tmp_path: Path) -> None:
    (tmp_path / "homes/bob/.ssh").mkdir(parents=True)
    (tmp_path / "homes/bob/music").mkdir()
    allow(tmp_path / "homes")

    assert ".ssh" in refusal(allowlist, read(tmp_path / "homes/bob/.ssh"))
    assert "contains .ssh" in refusal(allowlist, read(tmp_path / "homes/bob"))
    assert len(allowlist.resolve([read(tmp_path / "homes/bob/music")])) == 1


@pytest.mark.parametrize("place", SYSTEM)
def test_the_systems_places_are_refused(allowlist: MountAllowlist, allow: Allow, place: str) -> None:
    allow(place)

    assert "which is the system's" in refusal(allowlist, read(place))


@pytest.mark.parametrize("part", ["", "groups", "groups/friends"])
def test_openclaws_own_home_is_refused_with_what_is_in_it(
    allowlist: MountAllowlist, allow: Allow, home: Path, part: str
) -> None:
    allow(home)

    assert "openclaw's own" in refusal(allowlist, read(home / part))


def test_the_checkout_and_what_contains_a_home_are_refused(
    allowlist: MountAllowlist, allow: Allow, tmp_path: Path, home: Path
) -> None:
    nested = MountAllowlist(tmp_path / "srv/openclaw", allowlist.path.parent.parent.parent)
    (tmp_path / "srv/openclaw").mkdir(parents=True)
    allow(CHECKOUT, tmp_path / "srv")

    assert "openclaw's own" in refusal(allowlist, read(CHECKOUT / "openclaw"))
    assert "contains" in refusal(nested, read(tmp_path / "srv"))


def test_the_engines_socket_is_refused_wherever_it_is(
    allowlist: MountAllowlist, allow: Allow, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = user / "projects/site/docker.sock"
    monkeypatch.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(path.name)
    allow("~/projects")

    assert "regular files" in refusal(allowlist, read(path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    assert "engine is commanded" in refusal(allowlist, read(path))
    assert "contains" in refusal(allowlist, read("~/projects"))


def test_a_folder_in_which_something_else_is_mounted_is_refused(
    allowlist: MountAllowlist, allow: Allow, user: Path
) -> None:
    """Docker before version 25 leaves that writable, whatever was asked for."""
    allow("~/projects")
    stick = user / "projects/a stick"
    stick.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", stick], check=False, capture_output=True).returncode:
        pytest.skip("only root may mount")
    try:
        assert f"mounted in it, at {stick}" in refusal(allowlist, read("~/projects"))
        assert len(allowlist.resolve([read(stick), read("~/projects/site")])) == 2
    finally:
        subprocess.run(["umount", stick], check=True)


# The file itself


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"allow": {}}',
        '{"allow": [], "deny": []}',
        '{"allow": ["~/projects"]}',
        '{"allow": [{"path": "projects"}]}',
        '{"allow": [{"path": "~/projects", "read_only": true}]}',
        '{"allow": [{"path": "~/projects", "readonly": "no"}]}',
        '{"allow": [{"readonly": true}]}',
        '{"allow": [{"path": "~/projects"}], "allow": []}',
    ],
)
def test_a_file_that_is_not_understood_allows_nothing(allowlist: MountAllowlist, allow: Allow, text: str) -> None:
    allow("~/projects")
    allowlist.path.write_text(text)

    assert f"{allowlist.path} is not used" in refusal(allowlist, read("~/projects"))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ('"~/projects"', "is no object"),
        ('{"path": "~/projects", "mode": "rw"}', "has the key 'mode'"),
        ('{"path": "projects"}', 'has no "path" that begins with / or ~/'),
        ('{"path": "~/projects", "readonly": "no"}', 'has a "readonly" that is neither true nor false'),
    ],
)
def test_an_entry_that_is_not_understood_is_named_with_what_it_takes(
    allowlist: MountAllowlist, allow: Allow, entry: str, why: str
) -> None:
    allow("~/projects")
    allowlist.path.write_text(f'{{"allow": [{{"path": "~/first"}}, {entry}]}}')

    said = refusal(allowlist, read("~/projects"))

    assert f'entry 2 of "allow" {why}: it takes a "path"' in said
    assert '"readonly", which is true where it is left out, and with false lets containers write' in said


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_allows_nothing(allowlist: MountAllowlist, allow: Allow, mode: int) -> None:
    allow("~/projects")
    allowlist.path.chmod(mode)

    assert f"chmod go-w {allowlist.path}" in refusal(allowlist, read("~/projects"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_another_users_file_allows_nothing(allowlist: MountAllowlist, allow: Allow) -> None:
    allow("~/projects")
    os.chown(allowlist.path, 1234, -1)

    assert "uid 1234" in refusal(allowlist, read("~/projects"))


def test_a_file_in_a_folder_that_it_allows_allows_nothing(allowlist: MountAllowlist, allow: Allow) -> None:
    allow("~/")

    assert "it lies in" in refusal(allowlist, read("~/projects"))


def test_a_file_that_is_a_link_into_such_a_folder_allows_nothing(
    allowlist: MountAllowlist, allow: Allow, user: Path, home: Path
) -> None:
    allow("~/projects")
    for folder in (user / "projects", home / "groups/friends"):
        kept = folder / "mounts.json"
        kept.write_bytes(allowlist.path.read_bytes())
        kept.chmod(0o600)
        allowlist.path.unlink()
        allowlist.path.symlink_to(kept)

        assert "it lies in" in refusal(allowlist, read("~/projects"))


def test_what_is_no_file_is_not_waited_for(allowlist: MountAllowlist) -> None:
    allowlist.path.parent.mkdir(parents=True)
    os.mkfifo(allowlist.path)

    assert "it is no file" in refusal(allowlist, read("~/projects"))
