"""Which groups may be spoken to, by whom, and how they are made and taken away."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from openclaw.agents import group_files
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.settings_guard import SettingsGuard
from openclaw.errors import (
    DamagedGroup,
    GroupProtected,
    GroupTaken,
    InvalidGroup,
    NotDurable,
    SenderRefused,
    UnknownGroup,
)
from openclaw.routing.groups import Groups


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(SettingsGuard(tmp_path))


def names(groups: Groups) -> list[str]:
    return [entry["name"] for entry in groups.list()]


# Who may be spoken to


def test_main_exists_from_the_start(groups: Groups) -> None:
    groups.check("main")
    assert names(groups) == ["main"]


def test_a_home_without_groups_has_main(tmp_path: Path) -> None:
    assert names(Groups(SettingsGuard(tmp_path / "nothing"))) == ["main"]


def test_a_folder_with_a_group_json_is_a_group(groups: Groups, tmp_path: Path) -> None:
    (tmp_path / "friends").mkdir()
    with pytest.raises(UnknownGroup):
        groups.check("friends")
    (tmp_path / "friends" / "group.json").write_text("{}")
    groups.check("friends")


@pytest.mark.parametrize("name", ["..", "global", "a/b", "", "x" * 65, "nobody", "file"])
def test_anything_else_is_unknown_and_the_error_says_what_there_is(groups: Groups, tmp_path: Path, name: str) -> None:
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "group.json").write_text("{}")
    (tmp_path / "file").touch()
    with pytest.raises(UnknownGroup, match="known: main"):
        groups.check(name)
    with pytest.raises(UnknownGroup):
        groups.show(name)


def test_an_unknown_group_comes_with_the_way_to_make_it(groups: Groups) -> None:
    with pytest.raises(UnknownGroup, match="`openclaw groups add friends` makes it"):
        groups.check("friends")
    with pytest.raises(UnknownGroup) as refused:
        groups.check("a/b")
    assert "openclaw groups add" not in str(refused.value)


def test_groups_whose_names_differ_by_case_are_two(groups: Groups) -> None:
    groups.add("Friends", GroupConfig(pids=99))
    groups.add("friends", GroupConfig(pids=77))

    assert (groups.config("Friends").pids, groups.config("friends").pids) == (99, 77)


def test_where_senders_are_named_others_are_refused_and_the_local_user_is_not(groups: Groups) -> None:
    groups.add("friends", GroupConfig(allowed_senders=("ann",)))
    groups.add("everybody", GroupConfig())

    groups.check("friends", "ann")
    groups.check("friends", "")
    groups.check("everybody", "bob")
    with pytest.raises(SenderRefused, match="'bob'") as refused:
        groups.check("friends", "bob")
    assert refused.value.status == 403


# Settings on the disk


def test_settings_changed_by_hand_hold_at_once(groups: Groups, tmp_path: Path) -> None:
    groups.add("friends", GroupConfig(network="bridge"))
    assert groups.config("friends").network == "bridge"

    (tmp_path / "friends/group.json").write_text("{}")

    assert groups.config("friends") == GroupConfig()


def test_main_has_settings_too_and_their_defaults_without_a_file(groups: Groups, tmp_path: Path) -> None:
    assert groups.config("main") == GroupConfig()
    groups.add("main", GroupConfig(memory_mb=2048))
    assert groups.config("main").memory_mb == 2048
    (tmp_path / "main/group.json").unlink()
    assert groups.config("main") == GroupConfig()


def test_a_file_that_has_not_changed_is_not_read_again(groups: Groups, tmp_path: Path) -> None:
    """The same size and times, and another content: only a reader would see it."""
    groups.add("friends", GroupConfig(pids=77))
    groups.check("friends")
    path = tmp_path / "friends/group.json"
    before = path.stat()
    path.write_text(path.read_text().replace("77", "99"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert groups.config("friends").pids == 77
    os.utime(path)
    assert groups.config("friends").pids == 99


@pytest.mark.parametrize("text", ["", "{", "[]", '{"network": "host"}', '{"netwrok": "none"}', "{}" + " " * 300_000])
def test_a_damaged_file_closes_its_group_and_says_so(groups: Groups, tmp_path: Path, text: str) -> None:
    groups.add("friends", GroupConfig())
    (tmp_path / "friends/group.json").write_text(text)

    for _ in range(2):
        with pytest.raises(DamagedGroup, match=r"friends/group\.json is damaged, so nobody .* groups add friends"):
            groups.check("friends")
    (entry,) = [entry for entry in groups.list() if entry["name"] == "friends"]
    assert entry.keys() == {"name", "folder", "damaged"}
    assert names(groups) == ["main", "friends"]

    groups.add("friends", GroupConfig())
    groups.check("friends")


@pytest.mark.parametrize("target", ["elsewhere.json", "nowhere.json"])
@pytest.mark.parametrize("group", ["friends", "main"])
def test_a_link_in_the_place_of_settings_is_not_followed(
    groups: Groups, tmp_path: Path, group: str, target: str
) -> None:
    """Who may write to the folder could let its group be whatever lies elsewhere."""
    (tmp_path / "elsewhere.json").write_text("{}")
    (tmp_path / group).mkdir()
    (tmp_path / group / "group.json").symlink_to(tmp_path / target)

    with pytest.raises(DamagedGroup, match="symbolic link"):
        groups.check(group)


def test_a_damaged_main_is_closed_too(groups: Groups, tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    (tmp_path / "main/group.json").write_text("?")

    with pytest.raises(DamagedGroup):
        groups.check("main")
    assert "damaged" in groups.show("main")


def test_what_has_changed_is_logged_by_name(
    groups: Groups, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    groups.add("friends", GroupConfig())
    groups.check("friends")
    assert caplog.messages == []

    groups.add("friends", GroupConfig(network="bridge", pids=99))
    groups.check("friends")
    (tmp_path / "friends/group.json").write_text("?")
    with pytest.raises(DamagedGroup):
        groups.check("friends")

    assert caplog.messages[0] == "The group friends has other settings than before: network, pids"
    assert "is damaged" in caplog.messages[1]


# Making and taking away


def test_a_new_group_gets_a_folder_a_memory_and_its_settings(groups: Groups, tmp_path: Path) -> None:
    config = GroupConfig(trigger="@Claw", network="bridge")

    assert groups.add("friends", config) is True

    folder = tmp_path / "friends"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "CLAUDE.md").read_text() == "# friends\n"
    assert json.loads((folder / "group.json").read_text()) == {"trigger": "@Claw", "network": "bridge"}
    assert groups.show("friends") == {"name": "friends", "folder": str(folder), **config.to_json()}
    assert [path.name for path in tmp_path.iterdir()] == ["friends"]


def test_adding_a_group_again_replaces_its_settings_only(groups: Groups, tmp_path: Path) -> None:
    groups.add("friends", GroupConfig(pids=99))
    (tmp_path / "friends/CLAUDE.md").write_text("# What I know\n")

    assert groups.add("friends", GroupConfig(memory_mb=99)) is False

    assert groups.config("friends") == GroupConfig(memory_mb=99)
    assert (tmp_path / "friends/CLAUDE.md").read_text() == "# What I know\n"


def test_settings_for_main_do_not_make_it_new(groups: Groups) -> None:
    assert groups.add("main", GroupConfig(pids=99)) is False


def test_no_moment_shows_half_of_the_settings(groups: Groups, tmp_path: Path) -> None:
    """While one thread writes, others read, each through a cache of its own."""
    groups.add("friends", GroupConfig(trigger="x"))
    done = threading.Event()
    seen: list[BaseException | int] = []

    def read() -> None:
        while not done.is_set():
            try:
                seen.append(len(Groups(SettingsGuard(tmp_path)).config("friends").trigger))
            except Exception as error:
                seen.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for length in range(1, 100):
        groups.add("friends", GroupConfig(trigger="x" * length))
    done.set()
    for reader in readers:
        reader.join()

    assert seen
    assert [value for value in seen if not isinstance(value, int)] == []


def test_settings_are_never_written_where_a_container_of_the_group_could_reach_them(
    groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written beside the folders: what is in the folder under any name is whole and closed."""
    groups.add("friends", GroupConfig())
    seen: list[list[str]] = []
    sync = os.fsync

    def look_and_sync(fd: int) -> None:
        seen.append(sorted(os.listdir(tmp_path / "friends")))
        sync(fd)

    monkeypatch.setattr(os, "fsync", look_and_sync)

    groups.add("friends", GroupConfig(pids=99))

    assert len(seen) == 3, "the file, the folder, and the folder of all groups"
    assert all(listing == ["CLAUDE.md", "group.json"] for listing in seen)


def test_a_removed_group_keeps_its_files_and_can_be_added_again(groups: Groups, tmp_path: Path) -> None:
    groups.add("friends", GroupConfig(pids=99))
    groups.check("friends")
    (tmp_path / "friends/notes.md").write_text("ours")

    groups.remove("friends")

    with pytest.raises(UnknownGroup):
        groups.check("friends")
    assert names(groups) == ["main"]
    assert (tmp_path / "friends/notes.md").read_text() == "ours"
    assert json.loads((tmp_path / ".settings/friends.removed.json").read_text()) == {"pids": 99}

    assert groups.add("friends", GroupConfig()) is True
    assert groups.config("friends") == GroupConfig()


def test_of_settings_that_were_taken_away_the_last_are_kept(groups: Groups, tmp_path: Path) -> None:
    for pids in (77, 88, 99):
        groups.add("friends", GroupConfig(pids=pids))
        groups.remove("friends")

    (kept,) = (tmp_path / ".settings").iterdir()
    assert json.loads(kept.read_text()) == {"pids": 99}
    assert os.listdir(tmp_path / "friends") == ["CLAUDE.md"]


def test_settings_in_doubt_are_shown_as_they_hold_with_the_way_out(groups: Groups, tmp_path: Path) -> None:
    groups.add("friends", GroupConfig(pids=99))
    file = tmp_path / "friends/group.json"
    guard = SettingsGuard(tmp_path)
    guard.began("friends", "c1", group_files.cover(file.lstat()), starting=True)
    file.rename(file.with_name("old"))
    file.write_text('{"network": "bridge"}')

    (shown,) = [entry for entry in Groups(guard).list() if entry["name"] == "friends"]

    assert (shown["network"], shown["pids"]) == ("none", 99)
    assert "openclaw groups add friends" in shown["in_doubt"]


def test_a_damaged_group_can_be_removed(groups: Groups, tmp_path: Path) -> None:
    groups.add("friends", GroupConfig())
    (tmp_path / "friends/group.json").write_text("?")

    groups.remove("friends")

    assert names(groups) == ["main"]


@pytest.mark.parametrize("name", ["main", "global"])
def test_main_and_global_stay(groups: Groups, name: str) -> None:
    with pytest.raises(GroupProtected):
        groups.remove(name)


def test_global_is_no_group_to_be(groups: Groups) -> None:
    with pytest.raises(GroupProtected, match="nobody can speak to it"):
        groups.add("global", GroupConfig())


def test_what_is_not_there_cannot_be_removed(groups: Groups) -> None:
    for name in ("friends", "..", "a/b"):
        with pytest.raises(UnknownGroup):
            groups.remove(name)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "x" * 65])
def test_a_name_that_is_no_name_is_refused(groups: Groups, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidGroup, match="1 to 64 letters"):
        groups.add(name, GroupConfig())
    assert list(tmp_path.iterdir()) == []


def test_settings_too_large_to_be_read_again_are_not_written(groups: Groups, tmp_path: Path) -> None:
    with pytest.raises(InvalidGroup, match="bytes"):
        groups.add("friends", GroupConfig(allowed_senders=("ä" * 200,) * 1000))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_does_not_take_it_is_said_and_nothing_is_left(groups: Groups, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    (tmp_path / "folder/group.json").mkdir(parents=True)

    for name in ("file", "folder"):
        with pytest.raises(NotDurable, match=f"groups/{name} cannot be written"):
            groups.add(name, GroupConfig())
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


def test_one_that_is_only_to_be_made_leaves_one_that_is_there(groups: Groups, tmp_path: Path) -> None:
    assert groups.add("friends", GroupConfig(pids=99), replace=False)

    with pytest.raises(GroupTaken, match="already"):
        groups.add("friends", GroupConfig(), replace=False)
    with pytest.raises(GroupTaken, match="from the start"):
        groups.add("main", GroupConfig(), replace=False)

    assert groups.config("friends").pids == 99
    assert os.listdir(tmp_path) == ["friends"]
