"""A fake engine and a docker runtime on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.clock import SystemClock
from openclaw.containers.cli import Cli
from openclaw.containers.docker import DockerRuntime
from tests.support.exits import Exits
from tests.support.fake_docker import FakeDocker


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDocker]:
    """An engine whose containers do nothing."""
    fake = FakeDocker(tmp_path / "engine")
    fake.knob("command", ["sleep", "1000"])
    yield fake
    fake.close()


@pytest.fixture
def exits() -> Exits:
    return Exits()


@pytest.fixture
def runtime(fake: FakeDocker, exits: Exits) -> Iterator[DockerRuntime]:
    """A runtime that watches the fake engine."""
    runtime = DockerRuntime(Cli("docker", fake.environ()), SystemClock(), "here", "agent:latest", start_timeout=10)
    runtime.open(exits.on_exit, exits.on_engine_up)
    yield runtime
    runtime.close()
