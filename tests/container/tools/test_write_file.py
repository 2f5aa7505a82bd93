"""Write: a file is there whole or as it was, whatever lay there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent_runner.tools import write_file
from agent_runner.tools.places import NOTES
from agent_runner.tools.tool import ToolFailed
from tests.container.tools.conftest import MAIN, Run, write


def test_a_file_is_made_with_the_folders_above_it(folder: Path, run: Run) -> None:
    assert run("Write", file_path="a/b/c.txt", content="für\n") == "Made a/b/c.txt: 5 bytes."
    assert (folder / "a/b/c.txt").read_text() == "für\n"
    assert (folder / "a/b/c.txt").stat().st_mode & 0o777 == 0o644


def test_what_was_there_is_replaced_and_its_mode_stays(folder: Path, run: Run) -> None:
    write(folder / "run.sh", "old and long").chmod(0o750)

    assert run("Write", file_path="run.sh", content="new") == "Overwrote run.sh: 3 bytes."

    assert (folder / "run.sh").read_text() == "new"
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o750
    assert os.listdir(folder) == ["run.sh"]


def test_through_a_link_the_file_behind_it_is_written(folder: Path, run: Run) -> None:
    write(folder / "real", "old")
    (folder / "link").symlink_to("real")

    run("Write", file_path="link", content="new")

    assert (folder / "link").is_symlink()
    assert (folder / "real").read_text() == "new"


def test_an_empty_file_may_be_meant(folder: Path, run: Run) -> None:
    assert run("Write", file_path="a", content="") == "Made a: 0 bytes."
    assert (folder / "a").read_bytes() == b""


def test_a_full_disk_leaves_the_old_file_whole(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a", "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", full)

    with pytest.raises(ToolFailed, match=r"No space left on device: .*/a"):
        run("Write", file_path="a", content="new")
    assert (folder / "a").read_text() == "old"
    assert os.listdir(folder) == ["a"]


@pytest.mark.parametrize("code", write_file._CANNOT_RENAME)
def test_a_file_that_cannot_be_replaced_is_written_in_place(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    inode = write(folder / "mounted", "old and long").stat().st_ino

    def busy(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "rename", busy)
    run("Write", file_path="mounted", content="new")

    assert (folder / "mounted").read_text() == "new"
    assert (folder / "mounted").stat().st_ino == inode
    assert os.listdir(folder) == ["mounted"]


def test_what_is_no_file_is_not_written(folder: Path, run: Run) -> None:
    os.mkfifo(folder / "fifo")

    with pytest.raises(ToolFailed, match="a folder"):
        run("Write", file_path=".", content="x")
    with pytest.raises(ToolFailed, match="no regular file"):
        run("Write", file_path="fifo", content="x")
    with pytest.raises(ToolFailed, match=r"Not a directory|File exists"):
        run("Write", file_path="fifo/x", content="x")


def test_main_keeps_notes_and_leaves_all_else_to_subagents(folder: Path, run: Run) -> None:
    run("Write", MAIN, file_path=f"{NOTES}/main/MEMORY.md", content="likes tea\n")

    assert (folder / NOTES / "main/MEMORY.md").read_text() == "likes tea\n"
    with pytest.raises(ToolFailed, match="use spawn_subagent for work that writes"):
        run("Write", MAIN, file_path="a", content="x")
    assert os.listdir(folder) == [".claude"]
