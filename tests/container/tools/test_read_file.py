"""Read: numbered lines, a part at a time, and never more than the model can take."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools import read_file
from agent_runner.tools.read_file import LINE, LINES, OUTPUT
from agent_runner.tools.tool import ToolFailed, ToolUse
from tests.container.tools.conftest import OPEN_MACHINE, Run, tool, write


def test_lines_are_numbered_as_by_cat_n(folder: Path, run: Run) -> None:
    write(folder / "a", "first\n\n  für\r\nlast")

    assert run("Read", file_path="a") == "     1\tfirst\n     2\t\n     3\t  für\n     4\tlast"
    assert run("Read", file_path=str(folder / "a")).startswith("     1\tfirst")


def test_a_part_is_shown_from_where_it_was_asked_for(folder: Path, run: Run) -> None:
    write(folder / "a", "".join(f"line {number}\n" for number in range(1, 11)))

    shown = run("Read", file_path="a", offset=4, limit=2)

    assert shown == "     4\tline 4\n     5\tline 5\n(There is more: go on with offset=6.)"
    assert run("Read", file_path="a", offset=9, limit=2) == "     9\tline 9\n    10\tline 10"
    assert run("Read", file_path="a", offset=0, limit=1).startswith("     1\tline 1\n")


def test_a_long_file_is_shown_in_parts_that_follow_each_other(folder: Path, run: Run) -> None:
    write(folder / "a", "x\n" * (LINES + 1))

    assert run("Read", file_path="a").endswith(f"{LINES:6}\tx\n(There is more: go on with offset={LINES + 1}.)")
    assert run("Read", file_path="a", offset=LINES + 1) == f"{LINES + 1:6}\tx"


def test_no_more_characters_are_shown_than_a_model_can_take(folder: Path, run: Run) -> None:
    write(folder / "a", ("y" * (LINE - 8) + "\n") * 100)

    shown = run("Read", file_path="a")

    assert OUTPUT - LINE < len(shown) < OUTPUT + 100
    following = int(shown.rpartition("offset=")[2].rstrip(".)"))
    assert run("Read", file_path="a", offset=following).startswith(f"{following:6}\ty")


def test_of_a_long_line_the_beginning_is_shown_and_more_of_it_alone(folder: Path, run: Run) -> None:
    write(folder / "a", "short\n" + "z" * 200_000 + "\nend\n")

    shown = run("Read", file_path="a").split("\n")
    alone = run("Read", file_path="a", offset=2, limit=1)

    assert shown[1].startswith("     2\t" + "z" * LINE + "… (a line of 200001 bytes; limit=1 shows up to")
    assert shown[2] == "     3\tend"
    assert alone.count("z") > OUTPUT - 100
    assert len(alone) < OUTPUT + 100


def test_an_empty_file_and_an_end_that_was_passed_are_said(folder: Path, run: Run) -> None:
    write(folder / "a", "")
    write(folder / "b", "1\n2\n")

    assert run("Read", file_path="a") == "(a is empty.)"
    with pytest.raises(ToolFailed, match="b has 2 lines, so there is none at offset 3"):
        run("Read", file_path="b", offset=3)


def test_a_binary_file_is_not_shown(folder: Path, run: Run) -> None:
    write(folder / "a.png", b"\x89PNG\r\n\x1a\n\x00\x00")

    with pytest.raises(ToolFailed, match=r"a\.png is a binary file"):
        run("Read", file_path="a.png")


def test_what_is_no_utf_8_is_shown_as_far_as_it_goes(folder: Path, run: Run) -> None:
    write(folder / "a", b"a\xffb\n")

    assert run("Read", file_path="a") == "     1\ta\ufffdb"


def test_a_file_without_a_size_is_read(run: Run) -> None:
    assert run("Read", file_path="/proc/self/status").startswith("     1\tName:")


def test_of_a_huge_file_no_more_is_read_than_is_shown(folder: Path, run: Run) -> None:
    with (folder / "a").open("wb") as file:
        file.write(b"x\n" * 5000)
        file.truncate(10**11)  # a hole: one line of zeros

    assert run("Read", file_path="a", offset=5000, limit=1) == "  5000\tx\n(There is more: go on with offset=5001.)"


def test_it_reads_no_longer_than_its_patience_lasts(
    folder: Path, use: ToolUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "a", "x\n" * 10)
    arguments = {"file_path": "a", "offset": 10**9}

    with pytest.raises(ToolFailed, match="turn is over"):
        tool("Read").run(arguments, replace(use, deadline=time.monotonic()))
    monkeypatch.setattr(read_file, "LIMIT", 0.0)
    with pytest.raises(ToolFailed, match="too far inside a very large file"):
        tool("Read").run(arguments, use)
    use.cancel.set()
    with pytest.raises(TurnCancelled):
        tool("Read").run(arguments, use)


def test_on_an_open_machine_it_stays_in_the_folder(run: Run) -> None:
    with pytest.raises(ToolFailed, match="outside"):
        run("Read", OPEN_MACHINE, file_path="../outside.txt")
