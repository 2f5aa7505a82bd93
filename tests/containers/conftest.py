"""A fake engine and a docker runtime on it; a channel and what it delivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from openclaw.clock import Clock, SystemClock
from openclaw.containers.channel import Channel, Channels
from openclaw.containers.cli import Cli
from openclaw.containers.docker import DockerRuntime, Timeouts
from openclaw.spool import Watcher
from tests.support.exits import Exits
from tests.support.fake_docker import FakeDocker
from tests.support.heard import Heard

MakeRuntime = Callable[..., DockerRuntime]


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
def make_runtime(fake: FakeDocker, exits: Exits) -> Iterator[MakeRuntime]:
    """Makes runtimes that watch the fake engine."""
    with ExitStack() as stack:

        def make(start_timeout: float = 20, clock: Clock | None = None, **timeouts: float) -> DockerRuntime:
            cli = Cli("docker", fake.environ())
            limits = Timeouts(start=start_timeout, **timeouts)
            runtime = DockerRuntime(cli, clock or SystemClock(), "here", "agent:latest", limits)
            stack.callback(runtime.close)
            runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
            return runtime

        yield make


@pytest.fixture
def runtime(make_runtime: MakeRuntime) -> DockerRuntime:
    return make_runtime()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


@pytest.fixture
def channels(tmp_path: Path, watcher: Watcher) -> Channels:
    return Channels(tmp_path / "channels", watcher)


@pytest.fixture
def channel(channels: Channels) -> Iterator[Channel]:
    channel = channels.create("c1")
    yield channel
    channel.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()
