"""A bench in a folder of its own: without an engine, or on one whose containers are local processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.bench.bench import Bench, Engine
from openclaw.clock import SystemClock
from openclaw.containers.cli import Cli
from tests.support.fake_docker import FakeDocker


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, None, quick=True, clock=SystemClock())


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """A scripted engine, of which every `docker` below hears by the environment."""
    fake = FakeDocker(tmp_path / "engine")
    for name, value in fake.environ().items():
        monkeypatch.setenv(name, value)
    yield fake
    fake.close()


@pytest.fixture
def engine_bench(tmp_path: Path, fake: FakeDocker) -> Bench:
    """A bench on that engine."""
    engine = Engine(Cli(str(fake.state / "bin" / "docker")), "fake", "openclaw-agent:fake", "")
    (tmp_path / "bench").mkdir()
    return Bench(tmp_path / "bench", engine, quick=True, clock=SystemClock())
