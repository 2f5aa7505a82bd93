"""Removing what something hostile has filled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.containers.removal import remove_tree


def test_a_tree_is_removed_with_all_kinds_of_entries(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("x")
    os.mkfifo(tree / "a" / "fifo")

    assert remove_tree(tree)

    assert not tree.exists()


def test_a_missing_tree_is_fine(tmp_path: Path) -> None:
    assert remove_tree(tmp_path / "nothing")


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "to-directory").symlink_to(kept)
    (tree / "to-file").symlink_to(kept / "file")
    os.link(kept / "file", tree / "hard")

    assert remove_tree(tree)

    assert (kept / "file").read_text() == "mine"


def test_a_directory_without_permissions_is_removed(tmp_path: Path) -> None:
    locked = tmp_path / "tree" / "locked"
    (locked / "inner").mkdir(parents=True)
    locked.chmod(0)

    assert remove_tree(tmp_path / "tree")


def test_a_directory_without_permissions_that_lies_deeper_is_removed_by_an_ordinary_user_too(tmp_path: Path) -> None:
    deeper = tmp_path / "tree" / "a" / "b"
    deeper.mkdir(parents=True)
    (deeper / "file").touch()
    deeper.chmod(0)

    assert remove_tree(tmp_path / "tree")


def test_nesting_beyond_any_path_length_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    at = os.open(tree, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("a-directory", dir_fd=at)
        inner = os.open("a-directory", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)

    assert remove_tree(tree)


@pytest.mark.parametrize("kind", ["files", "directories", "full-directories", "nested", "one-more"])
def test_what_is_too_much_is_left_for_the_next_call(tmp_path: Path, kind: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(21 if kind == "one-more" else 90):
        if kind in ("files", "one-more"):
            (tree / str(number)).touch()
        elif kind == "directories":
            (tree / str(number)).mkdir()
        elif kind == "full-directories":
            (tree / str(number % 3)).mkdir(exist_ok=True)
            (tree / str(number % 3) / str(number)).mkdir()
        else:
            tree.joinpath(*["d"] * number).mkdir(exist_ok=True)

    calls = 1
    while not remove_tree(tree, limit=20):
        assert tree.exists()
        calls += 1

    assert (2 if kind == "one-more" else 5) <= calls <= 12
    assert not tree.exists()


def test_of_a_heap_no_more_is_looked_at_than_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(1000):
        (tree / str(number)).touch()
    unlinked: list[str] = []
    unlink = os.unlink

    def counted(name: str, *, dir_fd: int) -> None:
        unlinked.append(name)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", counted)

    assert not remove_tree(tree, limit=10)

    assert len(unlinked) == 10
