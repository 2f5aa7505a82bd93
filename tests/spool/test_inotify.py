from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.spool.inotify import (
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_IGNORED,
    IN_MASK_CREATE,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    Inotify,
)


def test_writing_a_file_is_told_as_its_creation_and_its_close(tmp_path: Path) -> None:
    inotify = Inotify()
    wd = inotify.add_watch(tmp_path, IN_CREATE | IN_CLOSE_WRITE)

    (tmp_path / "a.json").write_text("{}")

    assert [event[:2] + event[3:] for event in inotify.read()] == [
        (wd, IN_CREATE, "a.json"),
        (wd, IN_CLOSE_WRITE, "a.json"),
    ]
    inotify.close()


def test_the_two_halves_of_a_rename_share_a_cookie(tmp_path: Path) -> None:
    inotify = Inotify()
    inotify.add_watch(tmp_path, IN_MOVED_FROM | IN_MOVED_TO)
    (tmp_path / "a").touch()

    (tmp_path / "a").rename(tmp_path / "b")

    left, came = inotify.read()
    assert (left.mask, left.name, came.mask, came.name) == (IN_MOVED_FROM, "a", IN_MOVED_TO, "b")
    assert left.cookie == came.cookie != 0
    inotify.close()


def test_a_hard_link_is_only_a_creation(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "a").touch()
    inotify = Inotify()
    inotify.add_watch(tmp_path / "inbox", IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE)

    os.link(tmp_path / "a", tmp_path / "inbox" / "b")

    assert [event.mask for event in inotify.read()] == [IN_CREATE]
    inotify.close()


def test_nothing_to_read_is_an_empty_list(tmp_path: Path) -> None:
    inotify = Inotify()
    inotify.add_watch(tmp_path, IN_CREATE)

    assert inotify.read() == []
    inotify.close()


def test_a_removed_watch_ends_with_ignored(tmp_path: Path) -> None:
    inotify = Inotify()
    wd = inotify.add_watch(tmp_path, IN_CREATE)

    inotify.remove_watch(wd)
    (tmp_path / "a").touch()

    assert [event.mask for event in inotify.read()] == [IN_IGNORED]
    inotify.close()


def test_names_that_are_not_utf8_survive_the_way(tmp_path: Path) -> None:
    inotify = Inotify()
    inotify.add_watch(tmp_path, IN_CREATE)

    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.json", os.O_CREAT | os.O_WRONLY))

    assert os.fsencode(inotify.read()[0].name) == b"\xff.json"
    inotify.close()


def test_a_missing_directory_is_named_by_the_error(tmp_path: Path) -> None:
    inotify = Inotify()

    with pytest.raises(FileNotFoundError, match="nowhere"):
        inotify.add_watch(tmp_path / "nowhere", IN_CREATE)
    inotify.close()


def test_a_second_watch_of_one_directory_can_be_refused(tmp_path: Path) -> None:
    inotify = Inotify()
    inotify.add_watch(tmp_path, IN_CREATE | IN_MASK_CREATE)

    with pytest.raises(FileExistsError):
        inotify.add_watch(tmp_path, IN_CREATE | IN_MASK_CREATE)
    inotify.close()
