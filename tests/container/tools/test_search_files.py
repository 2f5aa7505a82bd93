"""Grep: what matches is found and shown within bounds, and no expression holds up anything but itself."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools import search_files
from agent_runner.tools.grep_program import LINE, WHOLE
from agent_runner.tools.search_files import HEAD
from agent_runner.tools.tool import ToolFailed, ToolUse
from tests.container.tools.conftest import OPEN_MACHINE, Run, tool, write

TIMEOUT = 30.0
FOR_EVER = "(x+x+)+y"
"""On a line of many x this takes longer than anybody has."""


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """Each one is a second younger than the one before."""
    texts = {
        "src/a.py": "import os\n\ndef one():\n    return 1\n",
        "src/deep/b.ts": "export const one = 1\n",
        "c.md": "One and\ntwo and\none more\n",
        ".git/x": "one\n",
    }
    for age, (name, text) in enumerate(texts.items()):
        os.utime(write(folder / name, text), (1000 + age, 1000 + age))


def test_by_default_the_files_that_match_are_given_the_youngest_first(run: Run) -> None:
    assert run("Grep", pattern="one") == "c.md\nsrc/deep/b.ts\nsrc/a.py"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"pattern": "one", "-i": True, "path": "c.md"}, "c.md:1:One and\nc.md:3:one more"),
        ({"pattern": "one", "-n": False, "path": "c.md"}, "c.md:one more"),
        ({"pattern": "^one", "-B": 1, "path": "c.md"}, "c.md-2-two and\nc.md:3:one more"),
        ({"pattern": "^two", "-A": 1, "path": "c.md"}, "c.md:2:two and\nc.md-3-one more"),
        ({"pattern": "^two", "-C": 1, "path": "c.md"}, "c.md-1-One and\nc.md:2:two and\nc.md-3-one more"),
        ({"pattern": "^.ne", "-A": 0, "-C": 1, "path": "c.md"}, "c.md:1:One and\nc.md-2-two and\nc.md:3:one more"),
        ({"pattern": "def|more"}, "c.md:3:one more\nsrc/a.py:3:def one():"),
        ({"pattern": "one", "glob": "*.ts"}, "src/deep/b.ts:1:export const one = 1"),
        ({"pattern": "one", "glob": "src/*.{py,ts}"}, "src/a.py:3:def one():"),
        ({"pattern": "one", "glob": "!*.{py,md}"}, "src/deep/b.ts:1:export const one = 1"),
        ({"pattern": "one", "glob": "!src/"}, "c.md:3:one more"),
        ({"pattern": "one", "type": "py"}, "src/a.py:3:def one():"),
        ({"pattern": "one", "path": "src", "type": "ts"}, "src/deep/b.ts:1:export const one = 1"),
        ({"pattern": "one", "path": ".git"}, ".git/x:1:one"),
        ({"pattern": "nothing like it"}, "(Nothing matches.)"),
        ({"pattern": "and\ntwo"}, "(Nothing matches.)"),
        ({"pattern": r"and\stwo"}, "(Nothing matches.)"),
        ({"pattern": "and\ntwo", "multiline": True}, "c.md:1:One and\nc.md:2:two and"),
        ({"pattern": "One.*two", "multiline": True}, "c.md:1:One and\nc.md:2:two and"),
        ({"pattern": "^one", "multiline": True, "-B": 1}, "c.md-2-two and\nc.md:3:one more"),
    ],
)
def test_lines_are_shown_with_where_they_are(run: Run, arguments: dict[str, object], found: str) -> None:
    assert run("Grep", output_mode="content", **arguments) == found


def test_groups_of_lines_that_do_not_touch_are_set_apart(folder: Path, run: Run) -> None:
    write(folder / "d", "x\n1\n2\n3\nx\n")

    assert run("Grep", pattern="x", path="d", output_mode="content", **{"-A": 1}) == "d:1:x\nd-2-1\n--\nd:5:x"


def test_files_are_given_with_how_often_they_match(run: Run) -> None:
    assert run("Grep", pattern="and|one", output_mode="count") == "c.md:3\nsrc/a.py:1\nsrc/deep/b.ts:1"


def test_a_long_answer_comes_in_parts_that_follow_each_other(folder: Path, run: Run) -> None:
    write(folder / "d", "".join(f"x{number}\n" for number in range(HEAD + 1)))

    def ask(**more: object) -> list[str]:
        return run("Grep", pattern="^x", path="d", output_mode="content", **more).split("\n")

    assert ask()[HEAD:] == [f"(There is more: go on with offset={HEAD}, or narrow it down by path, glob or type.)"]
    assert ask(offset=HEAD) == [f"d:{HEAD + 1}:x{HEAD}"]
    assert ask(offset=HEAD + 1) == ["(There is no more.)"]
    assert ask(head_limit=1)[1:] == ["(There is more: go on with offset=1, or narrow it down by path, glob or type.)"]
    assert len(ask(head_limit=0)) == HEAD + 1


def test_no_more_characters_are_shown_than_a_model_can_take(folder: Path, run: Run) -> None:
    write(folder / "d", ("x" * LINE + "\n") * 1000)

    shown = run("Grep", pattern="x", path="d", output_mode="content", head_limit=0)

    assert len(shown) < search_files.OUTPUT + 200
    assert "(There is more: go on with offset=" in shown


def test_of_a_long_line_the_beginning_is_shown_and_its_number_stays(folder: Path, run: Run) -> None:
    write(folder / "d", "y" * 3_000_000 + "x\nx\n")

    lines = run("Grep", pattern="x", path="d", output_mode="content").split("\n")

    assert [line[:4] for line in lines] == ["d:1:", "d:2:"]
    assert len(lines[0]) < LINE + 50


def test_binary_files_are_left_out(folder: Path, run: Run) -> None:
    write(folder / "src" / "x.bin", b"one\0")

    assert "x.bin" not in run("Grep", pattern="one")
    with pytest.raises(ToolFailed, match=r"src/x\.bin is a binary file"):
        run("Grep", pattern="one", path="src/x.bin")


def test_a_file_that_is_too_large_to_be_searched_across_lines_is_said(folder: Path, run: Run) -> None:
    with write(folder / "d", "one\n" * 5000).open("r+b") as file:
        file.truncate(WHOLE + 1)

    assert "(1 files are too large" in run("Grep", pattern="one", multiline=True)
    assert run("Grep", pattern="one").startswith("d\n")


def test_what_cannot_be_read_is_counted_and_nothing_is_waited_for(folder: Path, run: Run) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to("fifo")

    assert run("Grep", pattern="one", path="link") == "(Nothing matches.)\n(1 files could not be read.)"
    assert "fifo" not in run("Grep", pattern=".")


def test_a_link_is_read_where_it_is_named_and_not_on_a_walk(folder: Path, run: Run) -> None:
    (folder / "link").symlink_to("../outside.txt")

    assert run("Grep", pattern="secret", path="link") == "link"
    assert run("Grep", pattern="secret") == "(Nothing matches.)"
    for path in ("link", "..", "/etc"):
        with pytest.raises(ToolFailed, match="outside"):
            run("Grep", OPEN_MACHINE, pattern="secret", path=path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pattern": "("}, r"no regular expression as Python's re takes it: missing \)"),
        ({"pattern": "x{99999999999}"}, "no regular expression"),
        ({"pattern": "one", "path": "scr"}, "there is no scr; there is src"),
        ({"pattern": "one", "type": "cobol"}, '"type" takes one of c, cpp'),
        ({"pattern": "one", "glob": "!"}, "the pattern is empty"),
        ({"pattern": "one", "-A": -1}, '"-A" takes a whole number from 0'),
    ],
)
def test_what_cannot_be_searched_is_said(run: Run, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ToolFailed, match=said):
        run("Grep", **arguments)


def test_only_so_many_files_are_searched(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_files, "MAX_FILES", 1)

    assert "(Only 1 files were searched" in run("Grep", pattern="one")


def test_an_expression_that_takes_for_ever_is_ended_with_the_time(
    folder: Path, use: ToolUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "d", "x" * 100 + "\n")
    monkeypatch.setattr(search_files, "LIMIT", 0.5)

    with pytest.raises(ToolFailed, match=r"not done within 0\.5 s: make the pattern simpler"):
        tool("Grep").run({"pattern": FOR_EVER}, use)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> queue.Queue[subprocess.Popen[bytes]]:
    """Those that were started."""
    started: queue.Queue[subprocess.Popen[bytes]] = queue.Queue()
    popen = subprocess.Popen

    def start(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = popen(*args, **kwargs)
        started.put(process)
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


def test_an_expression_that_takes_for_ever_is_ended_with_the_turn(
    folder: Path, use: ToolUse, programs: queue.Queue[subprocess.Popen[bytes]]
) -> None:
    write(folder / "d", "x" * 100 + "\n")
    failures: list[Exception] = []

    def search() -> None:
        try:
            tool("Grep").run({"pattern": FOR_EVER}, use)
        except TurnCancelled as cancelled:
            failures.append(cancelled)

    thread = threading.Thread(target=search)
    thread.start()
    program = programs.get(timeout=TIMEOUT)
    use.cancel.set()
    thread.join(TIMEOUT)

    assert failures
    assert program.returncode == -signal.SIGKILL


def test_what_is_over_before_it_began_starts_no_program(
    use: ToolUse, programs: queue.Queue[subprocess.Popen[bytes]]
) -> None:
    with pytest.raises(ToolFailed, match="turn is over"):
        tool("Grep").run({"pattern": "one"}, replace(use, deadline=time.monotonic()))

    assert programs.empty()
