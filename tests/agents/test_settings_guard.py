"""Which settings hold while containers run that may write to their group's folder: never what one of them wrote."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw.agents import group_files
from openclaw.agents.settings_copies import SettingsCopies
from openclaw.agents.settings_guard import Held, SettingsGuard, Unwatched

SMALL = b'{"pids": 99}'
HOSTILE = b'{"network": "bridge"}'
DOUBT = "was replaced or removed while containers run"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The group.json of friends."""
    folder = tmp_path / "friends"
    folder.mkdir()
    file = folder / "group.json"
    file.write_bytes(SMALL)
    return file


@pytest.fixture
def guard(tmp_path: Path, file: Path) -> SettingsGuard:
    return SettingsGuard(tmp_path)


def made_on(file: Path) -> tuple[int, ...]:
    """What a container's spec says that is made now."""
    return group_files.cover(file.lstat())


def begin(guard: SettingsGuard, file: Path, cid: str = "c1") -> None:
    """A container is started, and runs."""
    guard.began(file.parent.name, cid, made_on(file), starting=True)
    guard.started(cid)


def holds(guard: SettingsGuard, group: str = "friends") -> bytes | None:
    try:
        return guard.look(group).data
    except FileNotFoundError:
        return None


def replace(file: Path, data: bytes) -> None:
    """As an editor does that renames: the mount of every container is gone from then on."""
    fresh = file.with_name(".fresh")
    fresh.write_bytes(data)
    fresh.rename(file)


def kept(file: Path) -> list[str]:
    folder = file.parent.parent / ".settings"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


# The account of containers


def test_one_that_no_account_can_be_kept_of_does_not_count(
    guard: SettingsGuard, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Held:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as full:
        full.setattr(guard, "_adopt", fail)
        with pytest.raises(OSError, match="No space left"):
            begin(guard, file)
    assert guard.is_quiet("friends")
    assert len(os.listdir("/proc/self/fd")) == before
    replace(file, b'{"pids": 77}')
    assert holds(guard) == b'{"pids": 77}'


# The user's hand


def test_while_no_container_runs_the_file_is_what_holds(guard: SettingsGuard, file: Path) -> None:
    assert holds(guard) == SMALL
    replace(file, b'{"pids": 77}')
    assert holds(guard) == b'{"pids": 77}'
    file.unlink()
    assert holds(guard) is None
    assert kept(file) == [], "nothing of it costs anything"


def test_a_change_in_place_holds_at_once_since_no_container_can_make_one(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    file.write_bytes(b'{"pids": 77}')
    assert holds(guard) == b'{"pids": 77}'
    begin(guard, file, "c2")
    file.write_bytes(b'{"pids": 66}')
    assert holds(guard) == b'{"pids": 66}'
    guard.ended("c1")
    guard.ended("c2")
    assert (holds(guard), file.read_bytes()) == (b'{"pids": 66}', b'{"pids": 66}')


def test_a_file_that_was_replaced_before_a_container_begins_is_the_users(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    guard.ended("c1")
    replace(file, b'{"pids": 77}')
    begin(guard, file, "c2")
    assert holds(guard) == b'{"pids": 77}'


# A container's hand


def written_anew(file: Path) -> None:
    file.rename(file.with_name("old"))
    file.write_bytes(HOSTILE)


def made_a_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("notes.json")


def made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def made_a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def replaced_by_its_like(file: Path) -> None:
    """The same size and time."""
    replace(file, b'{"pids": 12}')
    os.utime(file, ns=(1, 1))


def written_by_a_second_name(file: Path) -> None:
    os.link(file, file.with_name("second"))
    file.with_name("second").write_bytes(HOSTILE)


REPLACEMENTS: list[Callable[[Path], None]] = [
    lambda file: replace(file, HOSTILE),
    written_anew, made_a_link, made_a_folder, made_a_fifo, replaced_by_its_like, written_by_a_second_name,
]  # fmt: skip


@pytest.mark.parametrize("how", REPLACEMENTS)
def test_what_came_while_a_container_runs_never_holds_and_goes_with_it(
    guard: SettingsGuard, file: Path, how: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    os.utime(file, ns=(1, 1))
    begin(guard, file)

    how(file)

    for _ in range(2):
        held = guard.look("friends")
        assert (held.data, held.doubt) == (SMALL, True)
    (said,) = [message for message in caplog.messages if DOUBT in message]
    assert "openclaw groups add friends" in said
    guard.ended("c1")
    assert (holds(guard), file.read_bytes()) == (SMALL, SMALL)
    assert "friends.refused.json" in kept(file)
    assert "copy it back" in caplog.messages[-1]


def test_it_does_not_hold_either_where_nobody_looked_meanwhile(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    replace(file, HOSTILE)
    guard.ended("c1")
    assert holds(guard) == SMALL


def test_what_was_set_aside_holds_when_it_is_copied_back(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    replace(file, HOSTILE)
    guard.ended("c1")

    (file.parent.parent / ".settings/friends.refused.json").rename(file)

    assert holds(guard) == HOSTILE


def test_a_container_that_begins_in_doubt_belongs_to_it(guard: SettingsGuard, file: Path) -> None:
    """The first can hand it a descriptor of the file on which its mount lies."""
    begin(guard, file)
    replace(file, HOSTILE)
    begin(guard, file, "c2")
    guard.ended("c1")
    file.write_bytes(b"{}")
    assert holds(guard) == SMALL
    guard.ended("c2")
    assert (holds(guard), file.read_bytes()) == (SMALL, SMALL)


def test_the_same_file_touched_during_a_start_is_in_doubt(guard: SettingsGuard, file: Path) -> None:
    """Moved away and back: the mount lies on what was there in between."""
    guard.began("friends", "c1", made_on(file), starting=True)
    file.rename(file.with_name("old"))
    file.with_name("old").rename(file)
    guard.started("c1")
    file.write_bytes(HOSTILE)
    assert holds(guard) == SMALL


def test_so_is_one_that_was_touched_between_the_spec_and_the_start(guard: SettingsGuard, file: Path) -> None:
    before = made_on(file)
    replace(file, b'{"pids": 77}')
    guard.began("friends", "c1", before, starting=True)
    assert holds(guard) == b'{"pids": 77}', "nobody else ran when that was written"
    file.write_bytes(HOSTILE)
    assert holds(guard) == b'{"pids": 77}'


def test_one_group_in_doubt_is_nothing_to_another(guard: SettingsGuard, file: Path, tmp_path: Path) -> None:
    (tmp_path / "family").mkdir()
    other = tmp_path / "family/group.json"
    other.write_bytes(b"{}")
    begin(guard, file)
    begin(guard, other, "c2")
    replace(file, HOSTILE)
    other.write_bytes(SMALL)
    assert (holds(guard), holds(guard, "family")) == (SMALL, SMALL)


# Groups that are removed


def test_a_removed_group_stays_removed_whatever_its_containers_write(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    guard.withdraw("friends")
    file.write_bytes(SMALL)
    assert holds(guard) is None
    guard.ended("c1")
    assert (holds(guard), file.exists()) == (None, False)


def test_so_does_one_whose_file_was_removed_by_hand(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    file.unlink()
    assert holds(guard) is None
    file.write_bytes(SMALL)
    assert holds(guard) is None
    guard.ended("c1")
    assert holds(guard) is None


def test_mains_settings_hold_where_its_file_is_gone(tmp_path: Path) -> None:
    """Without them everybody could speak to it."""
    file = tmp_path / "main/group.json"
    file.parent.mkdir()
    file.write_bytes(SMALL)
    guard = SettingsGuard(tmp_path)
    begin(guard, file)
    file.unlink()
    assert holds(guard, "main") == SMALL
    guard.ended("c1")
    assert file.read_bytes() == SMALL


# What the service is asked for


def test_what_the_service_is_asked_for_holds_whoever_runs(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    assert guard.publish("friends", b'{"pids": 77}') is False
    assert holds(guard) == b'{"pids": 77}'
    file.write_bytes(HOSTILE)
    assert holds(guard) == b'{"pids": 77}'
    guard.ended("c1")
    assert file.read_bytes() == b'{"pids": 77}'


def test_so_does_a_removed_group_that_is_added_again(guard: SettingsGuard, file: Path) -> None:
    begin(guard, file)
    guard.withdraw("friends")
    file.write_bytes(HOSTILE)
    with pytest.raises(FileExistsError):
        guard.publish("friends", b"{}", replace=False)
    assert holds(guard) is None
    guard.publish("friends", b"{}")
    assert holds(guard) == b"{}"


# Over a restart


def test_after_a_crash_the_copy_holds_until_what_was_left_is_gone(
    guard: SettingsGuard, file: Path, tmp_path: Path
) -> None:
    begin(guard, file)
    replace(file, HOSTILE)

    after = SettingsGuard(tmp_path)

    assert holds(after) == SMALL
    after.began("friends", "c1", (), starting=False)  # it lives, and is adopted
    after.earlier_are_gone()
    assert holds(after) == SMALL
    after.ended("c1")
    assert (holds(after), file.read_bytes()) == (SMALL, SMALL)


def test_a_runtime_that_isolates_nothing_leaves_no_group_in_doubt(
    guard: SettingsGuard, file: Path, tmp_path: Path
) -> None:
    begin(guard, file)
    after = SettingsGuard(tmp_path)
    watch = Unwatched(after)
    watch.earlier_are_gone()
    watch.began("friends", "c2", (), starting=True)
    replace(file, b'{"pids": 77}')
    watch.started("c2")
    assert holds(after) == b'{"pids": 77}'
    watch.ended("c2")
    assert holds(after) == b'{"pids": 77}'


def test_after_a_crash_a_file_that_says_the_same_is_the_same(
    guard: SettingsGuard, file: Path, tmp_path: Path
) -> None:
    begin(guard, file)
    after = SettingsGuard(tmp_path)
    assert after.look("friends").doubt is False
    after.earlier_are_gone()
    replace(file, b'{"pids": 77}')
    assert holds(after) == b'{"pids": 77}'


def test_after_a_clean_stop_a_change_by_hand_holds(guard: SettingsGuard, file: Path, tmp_path: Path) -> None:
    begin(guard, file)
    guard.ended("c1")
    replace(file, b'{"pids": 77}')
    assert holds(SettingsGuard(tmp_path)) == b'{"pids": 77}'


def test_the_second_container_of_a_group_waits_for_no_disk(
    guard: SettingsGuard, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(guard, file)
    guard.ended("c1")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    begin(guard, file, "c2")
    guard.ended("c2")
    assert synced == []
    assert kept(file) == [".friends.json"]


def test_a_disk_that_takes_no_copy_starts_no_container(
    guard: SettingsGuard, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        begin(guard, file)
    monkeypatch.undo()
    assert holds(guard) == SMALL
    assert kept(file) == []
    begin(guard, file)


def test_what_cannot_be_put_right_stays_in_doubt(
    guard: SettingsGuard, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begin(guard, file)
    replace(file, HOSTILE)

    def fail(*_: object) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(SettingsCopies, "set_aside", fail)
    guard.ended("c1")
    monkeypatch.undo()
    assert "cannot be put back" in caplog.messages[-1]
    assert holds(guard) == SMALL
    begin(guard, file, "c2")
    guard.ended("c2")
    assert file.read_bytes() == SMALL


def test_no_descriptor_is_left_of_a_group_whose_containers_have_ended(guard: SettingsGuard, file: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for cid in map(str, range(10)):
        begin(guard, file, cid)
        guard.ended(cid)
        guard.ended(cid)
    assert len(os.listdir("/proc/self/fd")) == len(before)
