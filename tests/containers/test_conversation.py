"""Channel and runtime together: the real runner answers, on the fake engine and as a child process."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.clock import SystemClock
from openclaw.containers.channel import Channels
from openclaw.containers.cli import Cli
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.process import ProcessRuntime
from openclaw.containers.runtime import Runtime
from openclaw.message import Frame
from openclaw.spool import Watcher
from tests.support.exits import Exits
from tests.support.fake_docker import FakeDocker
from tests.support.specs import make_spec

WAIT = 30


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


@pytest.mark.parametrize("kind", ["docker", "process"])
def test_a_request_is_answered_and_the_end_is_told(
    kind: str, fake: FakeDocker, exits: Exits, watcher: Watcher, tmp_path: Path
) -> None:
    fake.knob("command")
    cli = Cli("docker", fake.environ())
    runtime: Runtime = DockerRuntime(cli, SystemClock(), "here", "a:1") if kind == "docker" else ProcessRuntime()
    with closing(runtime):
        runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
        channel = Channels(tmp_path / "ipc", watcher, runtime.container_uid).create("c1")
        frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        violations: queue.SimpleQueue[str] = queue.SimpleQueue()
        channel.listen(frames.put, lambda *_: None, violations.put)
        message = {"id": "m1", "text": "hello", "group": "main", "session": "default"}

        channel.send("request", "m1", {"message": message, "attempt": 1, "timeout_ms": 60_000})
        runtime.start(make_spec(tmp_path, "c1", channel_path=channel.path)).result(WAIT)

        assert frames.get(timeout=WAIT) == Frame("started", "m1", {})
        assert frames.get(timeout=WAIT).body["status"] == "done"
        runtime.remove("c1").result(WAIT)
        assert exits.next().code == 137
        assert violations.empty()
        channel.destroy()
        assert not channel.path.exists()
