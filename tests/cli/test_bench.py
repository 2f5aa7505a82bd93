"""`openclaw bench` from the outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw.bench.figures import FIGURES
from tests.support.service import CHECKOUT


def _bench(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "OPENCLAW_HOME": str(home),
        "CONTAINER_RUNTIME": "process",
        **settings,
    }
    command = [sys.executable, "-m", "openclaw", "bench", *arguments]
    return subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_whole_quick_run_prints_one_table_and_keeps_its_numbers(tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    done = _bench(tmp_path, "--quick", "--json", str(kept), "drop", "reply")
    assert done.returncode == 0, done.stderr

    lines = done.stdout.splitlines()
    assert any(line.startswith("machine  ") and "Python 3." in line for line in lines)
    assert any(line.startswith("runtime  process") for line in lines)
    assert any(line.startswith("quick ") for line in lines)
    table = lines[lines.index("") + 1 :]
    assert table[0].startswith("figure ")
    begins = (r"reply +p50", r" +p99", r"drop +median")
    judged = r" [0-9.]+ ms +≤ [0-9]+ ms +(ok|MISSED)(  .*)?"
    for line, begin in zip(table[1:], begins, strict=True):
        assert re.fullmatch(begin + judged, line)
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["reply", "drop"]

    figures = json.loads(kept.read_text())["figures"]
    assert [figure["name"] for figure in figures] == ["reply", "drop"]
    for row in (row for figure in figures for row in figure["rows"]):
        assert row["number"] > 0
        assert row["unit"] == "ms"
        assert row["met"] == (row["number"] <= row["limit"])
    assert not list((tmp_path / ".benchmarks").iterdir())


def test_an_unknown_figure_is_wrong_use_and_the_known_ones_are_named(tmp_path: Path) -> None:
    done = _bench(tmp_path, "reply", "no-such-figure")
    assert done.returncode == 2
    assert "'no-such-figure'" in done.stderr
    assert all(figure.name in done.stderr for figure in FIGURES)
    assert done.stdout == ""


def test_what_cannot_be_measured_is_said_and_gives_exit_1(tmp_path: Path) -> None:
    (tmp_path / ".benchmarks").write_text("in the way")
    done = _bench(tmp_path, "--quick", "reply")
    assert done.returncode == 1
    assert ".benchmarks cannot be made" in done.stderr


def test_a_figure_that_does_not_apply_here_is_no_measurement(tmp_path: Path) -> None:
    done = _bench(tmp_path, "--quick", "on-demand")
    assert done.returncode == 1
    assert "on-demand was not measured: it needs a container engine" in done.stdout


@pytest.mark.parametrize("place", ["missing/bench.json", "."])
def test_a_file_that_cannot_be_written_is_found_out_before_anything_is_measured(tmp_path: Path, place: str) -> None:
    done = _bench(tmp_path, "--quick", "--json", str(tmp_path / place), "reply")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "reply" not in done.stderr
