"""Edit: exactly what was meant is changed, or nothing and the reason is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runner.tools import edit_file
from agent_runner.tools.places import NOTES
from agent_runner.tools.tool import ToolFailed
from tests.container.tools.conftest import MAIN, Run, write


def test_one_text_is_put_in_the_place_of_another_and_shown(folder: Path, run: Run) -> None:
    write(folder / "a", "".join(f"line {number}\n" for number in range(1, 21))).chmod(0o600)

    shown = run("Edit", file_path="a", old_string="line 10\n", new_string="ten\nand a half\n")

    assert (folder / "a").read_text().split("\n")[8:12] == ["line 9", "ten", "and a half", "line 11"]
    assert (folder / "a").stat().st_mode & 0o777 == 0o600
    assert shown.split("\n")[0] == "Changed a:"
    assert "    10\tten\n    11\tand a half\n    12\tline 11" in shown
    assert shown.startswith("Changed a:\n     6\tline 6\n")
    assert "line 5\n" not in shown
    assert "line 17" not in shown


def test_all_of_them_are_changed_if_that_is_said(folder: Path, run: Run) -> None:
    write(folder / "a", "x x\nx\n")

    shown = run("Edit", file_path="a", old_string="x", new_string="yy", replace_all=True)

    assert (folder / "a").read_text() == "yy yy\nyy\n"
    assert shown.startswith("Changed a in 3 places; the first:\n     1\tyy yy")


def test_a_text_that_is_there_more_than_once_is_not_guessed(folder: Path, run: Run) -> None:
    write(folder / "a", "x\ny\nx\n")

    with pytest.raises(ToolFailed, match=r"a has old_string 2 times \(lines 1, 3\): give more .* or set replace_all"):
        run("Edit", file_path="a", old_string="x", new_string="z")
    assert (folder / "a").read_text() == "x\ny\nx\n"


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("nothing like it", "read the file and copy it exactly, without the line numbers"),
        ("     1\tdef one():", "without the line numbers"),
        ("def one():\n  return 1", "with other spaces or line ends"),
    ],
)
def test_a_text_that_is_not_there_is_said(folder: Path, run: Run, old: str, said: str) -> None:
    write(folder / "a", "def one():\n    return 1\n")

    with pytest.raises(ToolFailed, match=said):
        run("Edit", file_path="a", old_string=old, new_string="x")


def test_line_ends_stay_as_they_are(folder: Path, run: Run) -> None:
    write(folder / "a", "one\r\ntwo\r\nthree\r\n")

    run("Edit", file_path="a", old_string="one\ntwo", new_string="1\n2\n2.5")

    assert (folder / "a").read_bytes() == b"1\r\n2\r\n2.5\r\nthree\r\n"


def test_with_an_empty_old_string_a_file_is_begun(folder: Path, run: Run) -> None:
    write(folder / "empty", "")
    write(folder / "full", "x")

    assert run("Edit", file_path="new/a", old_string="", new_string="x\n") == "Made new/a."
    run("Edit", file_path="empty", old_string="", new_string="y\n")

    assert (folder / "new/a").read_text() == "x\n"
    assert (folder / "empty").read_text() == "y\n"
    with pytest.raises(ToolFailed, match="full is not empty"):
        run("Edit", file_path="full", old_string="", new_string="z")


def test_what_cannot_be_edited_is_said(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a", b"a\xff")
    monkeypatch.setattr(edit_file, "MAX_CONTENT", 10)
    write(folder / "large", "x" * 41)

    with pytest.raises(ToolFailed, match="the same"):
        run("Edit", file_path="a", old_string="x", new_string="x")
    with pytest.raises(ToolFailed, match=r"no UTF-8 text \(byte 1\)"):
        run("Edit", file_path="a", old_string="a", new_string="b")
    with pytest.raises(ToolFailed, match=r"there is no .*missing"):
        run("Edit", file_path="missing", old_string="a", new_string="b")
    with pytest.raises(ToolFailed, match="more than 40 bytes"):
        run("Edit", file_path="large", old_string="x", new_string="b")


def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "a", "one")
    lstat = os.lstat

    def late(path: str) -> os.stat_result:
        write(folder / "a", "one, and more")
        return lstat(path)

    monkeypatch.setattr(os, "lstat", late)

    with pytest.raises(ToolFailed, match="changed by somebody else just now: read it again"):
        run("Edit", file_path="a", old_string="one", new_string="two")
    assert (folder / "a").read_text() == "one, and more"


def test_a_long_change_is_shown_in_part(folder: Path, run: Run) -> None:
    write(folder / "a", "x")

    assert run("Edit", file_path="a", old_string="x", new_string="y\n" * 1000).endswith("\n…")


def test_main_edits_its_notes_only(folder: Path, run: Run) -> None:
    write(folder / NOTES / "a", "one")
    write(folder / "CLAUDE.md", "one")

    run("Edit", MAIN, file_path=f"{NOTES}/a", old_string="one", new_string="two")

    assert (folder / NOTES / "a").read_text() == "two"
    with pytest.raises(ToolFailed, match="use spawn_subagent"):
        run("Edit", MAIN, file_path="CLAUDE.md", old_string="one", new_string="two")
