"""Whether a limit of the container was reached, as the kernel counts it in either version of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner.engines.limits import counted, reached_since

VERSION_1 = {
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill {memory}\n",
    "pids/pids.events": "max {pids}\n",
}
VERSION_2 = {
    "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill {memory}\noom_group_kill 0\n",
    "pids.events": "max {pids}\n",
}
VERSIONS = pytest.mark.parametrize("files", [VERSION_1, VERSION_2], ids=["version 1", "version 2"])


def write(root: Path, files: dict[str, str], memory: int, pids: int) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text.format(memory=memory, pids=pids))


@VERSIONS
def test_a_limit_that_was_reached_meanwhile_is_told_by_its_setting(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files, memory=2, pids=5)
    before = counted(tmp_path)

    write(tmp_path, files, memory=3, pids=5)
    assert reached_since(before, tmp_path) == ["memory_mb"]
    write(tmp_path, files, memory=2, pids=900)
    assert reached_since(before, tmp_path) == ["pids"]
    write(tmp_path, files, memory=3, pids=6)
    assert reached_since(before, tmp_path) == ["memory_mb", "pids"]


@VERSIONS
def test_one_that_was_reached_before_is_not_told_again(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files, memory=2, pids=5)

    assert reached_since(counted(tmp_path), tmp_path) == []


@pytest.mark.parametrize("text", ["", "oom_kill\n", "oom_kill many\n"])
def test_what_does_not_count_was_never_reached(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.events").write_text(text)

    assert reached_since(counted(tmp_path), tmp_path) == []


def test_where_nothing_counts_nothing_was_reached(tmp_path: Path) -> None:
    assert reached_since(counted(tmp_path), tmp_path) == []
