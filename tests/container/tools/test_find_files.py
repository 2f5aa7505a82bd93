"""Glob: files by what their paths look like, the one changed last first."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools import walk
from agent_runner.tools.find_files import SHOWN
from agent_runner.tools.tool import ToolFailed, ToolUse
from tests.container.tools.conftest import OPEN_MACHINE, Run, tool, write


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """Each one is a second younger than the one before."""
    for age, name in enumerate(["src/deep/c.py", "src/b.py", "a.py", "notes.md", ".hidden.py", ".git/hook.py"]):
        path = write(folder / name, name)
        os.utime(path, (1000 + age, 1000 + age))


def test_the_one_changed_last_comes_first(run: Run) -> None:
    assert run("Glob", pattern="**/*.py") == ".hidden.py\na.py\nsrc/b.py\nsrc/deep/c.py"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"pattern": "*.md"}, "notes.md"),
        ({"pattern": "src/*.py"}, "src/b.py"),
        ({"pattern": "*.py", "path": "src"}, "src/b.py"),
        ({"pattern": "**/*.py", "path": "src/"}, "src/b.py\nsrc/deep/c.py"),
        ({"pattern": "src/../*.md"}, "src/../notes.md"),
        ({"pattern": "notes.md"}, "notes.md"),
        ({"pattern": "*.{md,txt}"}, "notes.md"),
        ({"pattern": ".git/*"}, ".git/hook.py"),
        ({"pattern": "*/"}, "src/"),
        ({"pattern": "**/"}, "src/deep/\nsrc/"),
        ({"pattern": "src/*/"}, "src/deep/"),
        ({"pattern": "src/"}, "src/b.py"),
        ({"pattern": "*.rs"}, "(Nothing matches.)"),
    ],
)
def test_what_is_found(run: Run, folder: Path, arguments: dict[str, str], found: str) -> None:
    os.utime(folder / "src", (1000, 1000))
    os.utime(folder / "src/deep", (2000, 2000))

    assert run("Glob", **arguments) == found


def test_a_pattern_may_be_absolute(run: Run, folder: Path) -> None:
    assert run("Glob", pattern=f"{folder}/src/*.py") == f"{folder}/src/b.py"


def test_of_many_the_youngest_are_shown_and_the_others_counted(run: Run, folder: Path) -> None:
    for number in range(SHOWN + 20):
        os.utime(write(folder / "many" / f"{number:03}", ""), (2000 + number, 2000 + number))

    lines = run("Glob", pattern="many/*").split("\n")

    assert lines[0] == f"many/{SHOWN + 19:03}"
    assert len(lines) == SHOWN + 1
    assert lines[-1].startswith("(20 more are left out")


def test_links_to_folders_are_not_followed(run: Run, folder: Path) -> None:
    (folder / "round").symlink_to(".")
    (folder / "link.py").symlink_to("a.py")

    assert "round" not in run("Glob", pattern="**/*")
    assert "link.py" in run("Glob", pattern="*.py")


def test_a_folder_that_is_none_is_said(run: Run) -> None:
    with pytest.raises(ToolFailed, match=r"there is no scr; there is src"):
        run("Glob", pattern="*", path="scr")
    with pytest.raises(ToolFailed, match=r"a.py is no folder; Read shows"):
        run("Glob", pattern="*", path="a.py")


def test_a_name_that_is_no_text_does_no_harm(run: Run, folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.rs")).touch()

    assert run("Glob", pattern="*.rs") == "?.rs"


def test_a_walk_has_bounds_and_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ENTRIES", 2)

    assert "(Only 2 names were looked at: begin in a folder further down.)" in run("Glob", pattern="**/*.py")


def test_folders_that_cannot_be_read_are_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refused(path: str) -> object:
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)

    assert "(1 folders could not be read.)" in run("Glob", pattern="**/*.py")


def test_it_looks_no_longer_than_its_patience_lasts(use: ToolUse) -> None:
    with pytest.raises(ToolFailed, match="turn is over"):
        tool("Glob").run({"pattern": "**/*"}, replace(use, deadline=time.monotonic()))
    use.cancel.set()
    with pytest.raises(TurnCancelled):
        tool("Glob").run({"pattern": "**/*"}, use)


@pytest.mark.parametrize("arguments", [{"pattern": "../*"}, {"pattern": "*", "path": ".."}, {"pattern": "/etc/*"}])
def test_on_an_open_machine_it_stays_in_the_folder(run: Run, arguments: dict[str, str]) -> None:
    with pytest.raises(ToolFailed, match="outside"):
        run("Glob", OPEN_MACHINE, **arguments)
