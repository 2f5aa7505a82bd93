"""What a figure measures with: services that have nothing of the caller's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.bench.bench import SCRATCH, Bench, opened
from openclaw.bench.figure import NotMeasured
from openclaw.config import load


def test_a_service_gets_none_of_the_callers_settings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENCLAW_TOKEN", "ANTHROPIC_API_KEY", "MAX_CONCURRENT_CONTAINERS"):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environ = bench.environ("home", {"DRAIN_TIMEOUT": "0"})
    assert not environ.keys() & {"OPENCLAW_TOKEN", "ANTHROPIC_API_KEY", "MAX_CONCURRENT_CONTAINERS"}
    assert environ["OPENCLAW_HOME"] == str(bench.root / "home")
    assert environ["DRAIN_TIMEOUT"] == "0"
    assert environ["LANG"] == "C.UTF-8"


def test_homes_lie_beside_the_configured_one_and_are_gone_afterwards(tmp_path: Path) -> None:
    config = load({"OPENCLAW_HOME": str(tmp_path), "CONTAINER_RUNTIME": "process"})
    with opened(config, quick=False) as bench:
        assert bench.root.parent == tmp_path / SCRATCH
        assert bench.engine is None
        (bench.root / "home").mkdir()
    assert list((tmp_path / SCRATCH).iterdir()) == []


def test_an_engine_that_is_wanted_and_does_not_answer_is_named(tmp_path: Path) -> None:
    config = load({"OPENCLAW_HOME": str(tmp_path), "CONTAINER_RUNTIME": "docker", "CONTAINER_CLI": "no-such-docker"})
    with pytest.raises(NotMeasured, match="no-such-docker is not installed"), opened(config, quick=False):
        pass


def test_where_no_engine_answers_plain_processes_are_measured(tmp_path: Path) -> None:
    config = load({"OPENCLAW_HOME": str(tmp_path), "CONTAINER_CLI": "no-such-docker"})
    with opened(config, quick=False) as bench:
        assert bench.engine is None


def test_a_quick_run_takes_the_smaller_amount(bench: Bench) -> None:
    assert bench.amount(500, 50) == 50
