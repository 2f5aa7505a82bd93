"""Spares: what is done with is written anew, by this process or by another, and never more than a ring of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.spool import IN_CLOSE_WRITE, IN_CREATE, IN_MOVED_TO, DropDir, Inotify
from openclaw.spool.spares import MAX_SIZE, MAX_SPARES


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[DropDir]:
    with closing(DropDir(tmp_path / "drops")) as drops:
        yield drops


def inode(drops: DropDir, name: str) -> int:
    return (drops.path / name).stat().st_ino


def test_a_retired_file_is_gone_and_the_next_one_is_written_over_it(drops: DropDir) -> None:
    drops.place("a.json", b"a long content")
    before = inode(drops, "a.json")

    assert drops.retire("a.json")
    assert drops.names() == []
    drops.place("b.json", b"short", 0o600)

    assert (drops.path / "b.json").read_bytes() == b"short"
    assert (drops.path / "b.json").stat().st_mode & 0o777 == 0o600
    assert inode(drops, "b.json") == before
    assert os.listdir(drops.path) == ["b.json"]


def test_they_are_used_in_their_order_and_each_once(drops: DropDir) -> None:
    for name in ("a", "b"):
        drops.place(name, b"{}")
    before = [inode(drops, name) for name in ("a", "b")]
    for name in ("a", "b"):
        drops.retire(name)
    for name in ("c", "d", "e"):
        drops.place(name, name.encode())

    assert [inode(drops, name) for name in ("c", "d")] == before
    assert [(drops.path / name).read_bytes() for name in ("c", "d", "e")] == [b"c", b"d", b"e"]


def test_there_are_never_more_than_a_ring_of_them(drops: DropDir) -> None:
    for number in range(MAX_SPARES + 10):
        drops.place(f"{number}", b"{}")
    for number in range(MAX_SPARES + 10):
        drops.retire(f"{number}")

    assert len(os.listdir(drops.path)) == MAX_SPARES


@pytest.mark.parametrize("kind", ["large", "linked twice", "a link"])
def test_what_is_no_use_is_removed(drops: DropDir, tmp_path: Path, kind: str) -> None:
    drops.place("a", b"x" * (MAX_SIZE + 1) if kind == "large" else b"{}")
    if kind == "linked twice":
        os.link(drops.path / "a", tmp_path / "elsewhere")
    elif kind == "a link":
        (drops.path / "a").rename(tmp_path / "elsewhere")
        (drops.path / "a").symlink_to(tmp_path / "elsewhere")

    assert drops.retire("a")
    assert os.listdir(drops.path) == []
    assert (tmp_path / "elsewhere").exists() == (kind != "large")


def test_where_there_is_none_nothing_is_retired(drops: DropDir) -> None:
    assert not drops.retire("a")


def test_dropped_they_are_gone_and_later_ones_are_used_again(drops: DropDir) -> None:
    for name in ("a", "b", "c"):
        drops.place(name, b"{}")
        drops.retire(name)
    drops.drop_spares()
    assert os.listdir(drops.path) == []

    drops.place("d", b"{}")
    before = inode(drops, "d")
    drops.retire("d")
    drops.place("e", b"{}")
    assert inode(drops, "e") == before


def test_the_next_process_sweeps_what_an_earlier_one_kept(drops: DropDir) -> None:
    drops.place("a", b"{}")
    drops.retire("a")
    with closing(DropDir(drops.path)) as fresh:
        assert fresh.sweep_staging() == 1
    assert os.listdir(drops.path) == []


class TestStagedElsewhere:
    @pytest.fixture
    def stage(self, drops: DropDir) -> Path:
        stage = drops.path / ".stage"
        stage.mkdir()
        return stage

    def test_two_processes_hand_files_to_each_other(self, drops: DropDir, stage: Path) -> None:
        writer, taker = (DropDir(drops.path, staging=stage) for _ in range(2))
        with closing(writer), closing(taker):
            writer.place("a", b"{}")
            before = inode(drops, "a")
            taker.retire("a")
            writer.place("b", b"{}")

            assert inode(drops, "b") == before
            assert os.listdir(stage) == []

    def test_whoever_starts_anew_comes_to_use_them_again(self, drops: DropDir, stage: Path) -> None:
        with closing(DropDir(drops.path, staging=stage)) as writer:
            for _ in range(2):  # the second one of these begins its ring where the writer has come past
                with closing(DropDir(drops.path, staging=stage)) as taker:
                    for number in range(MAX_SPARES + 5):
                        writer.place(f"{number}", b"{}")
                        taker.retire(f"{number}")
            assert len(os.listdir(stage)) <= MAX_SPARES
            writer.place("last", b"whole")
        assert (drops.path / "last").read_bytes() == b"whole"

    def test_a_spare_that_nobody_can_place_is_removed(self, drops: DropDir, stage: Path) -> None:
        (stage / ".spare.0").mkdir()
        with closing(DropDir(drops.path, staging=stage)) as taker:
            (drops.path / "a").write_bytes(b"{}")
            assert taker.retire("a")
        assert os.listdir(drops.path) == [".stage"]

    def test_a_link_in_place_of_the_folder_is_not_followed(self, drops: DropDir, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (drops.path / ".stage").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            DropDir(drops.path, staging=drops.path / ".stage")

    def test_the_folder_s_own_watcher_hears_of_a_file_once(self, drops: DropDir, stage: Path) -> None:
        inotify = Inotify()
        inotify.add_watch(drops.path, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO)
        with closing(DropDir(drops.path, staging=stage)) as writer, closing(inotify):
            writer.place("a", b"{}")
            assert [event.name for event in inotify.read()] == ["a"]


def test_one_that_a_backup_has_linked_meanwhile_is_not_written_again(drops: DropDir, tmp_path: Path) -> None:
    drops.place("a.json", b"of the backup")
    drops.retire("a.json")
    os.link(drops.path / ".spare.0", tmp_path / "backup")

    drops.place("b.json", b"new")

    assert (tmp_path / "backup").read_bytes() == b"of the backup"
    assert drops.read("b.json", MAX_SIZE, uid=os.getuid()).data == b"new"
    assert os.listdir(drops.path) == ["b.json"]


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: os.symlink("elsewhere", path)])
def test_what_others_have_put_in_its_place_is_removed_and_a_new_file_made(
    drops: DropDir, put: Callable[[Path], None]
) -> None:
    put(drops.path / ".spare.0")

    drops.place("a.json", b"{}")

    assert (drops.path / "a.json").read_bytes() == b"{}"
    assert os.listdir(drops.path) == ["a.json"]
