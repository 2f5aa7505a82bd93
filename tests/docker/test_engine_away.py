"""An engine that is away: messages are accepted meanwhile, and answered once it is back, with nobody's help.

The engine of these tests is their own, beside the one of the machine: in a network namespace, so that they share no
bridge, with its state in a folder that is removed. Only root can run one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.clock import SystemClock
from openclaw.config import load
from openclaw.containers.cli import LOOK_TIMEOUT, Cli, Output
from openclaw.containers.docker import DockerRuntime, Timeouts
from openclaw.errors import EngineOverdue
from openclaw.service.runtime_choice import choose
from tests.docker.conftest import names_of
from tests.support.begun import wait_until_begun
from tests.support.exits import Exits
from tests.support.file_events import FileEvents
from tests.support.log_lines import LogLines
from tests.support.service import RunningService
from tests.support.specs import make_spec

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run an engine of its own"),
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed"),
]


class OwnEngine:
    """A dockerd that a test may stop and start."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._log = root / "log"
        self._log.touch()
        self.host = f"unix://{root / 'docker.sock'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers."""
        options = [
            f"--host={self.host}", f"--data-root={self._root / 'data'}", f"--exec-root={self._root / 'exec'}",
            f"--pidfile={self._root / 'pid'}", "--bridge=none", "--iptables=false",
        ]  # fmt: skip
        with open(self._log, "wb") as log, closing(LogLines(self._log)) as lines:
            self._process = subprocess.Popen(
                ["unshare", "--net", "dockerd", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            lines.find("API listen on")

    def pause(self) -> None:
        """Have it answer nothing, as an engine does that is wedged."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it as `systemctl stop docker` would, and its containers with it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


@pytest.fixture(scope="module")
def own_engine(engine: Cli, image: str) -> Iterator[OwnEngine]:
    """An engine that has the agent's image and runs no container."""
    with tempfile.TemporaryDirectory(prefix="openclaw-engine-") as root:  # pytest's paths are too long for its sockets
        own = OwnEngine(Path(root))
        try:
            own.start()
            with subprocess.Popen([engine.program, "save", image], stdout=subprocess.PIPE) as saved:
                subprocess.run(
                    [engine.program, "load"], stdin=saved.stdout, env={**os.environ, "DOCKER_HOST": own.host},
                    stdout=subprocess.DEVNULL, timeout=300, check=True,
                )  # fmt: skip
            yield own
        finally:
            own.stop()


class FarService(RunningService):
    """A service on that engine; it may say that the engine is away."""

    may_log_errors = True

    def __init__(self, home: Path, own_engine: OwnEngine, settings: dict[str, str]) -> None:
        super().__init__(home, DOCKER_HOST=own_engine.host, **settings)


def test_a_service_that_starts_before_its_engine_accepts_messages_and_answers_them_later(
    tmp_path: Path, own_engine: OwnEngine, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    own_engine.stop()
    with FarService(home, own_engine, settings) as service, closing(FileEvents(home / "ipc/outbox")) as events:
        assert service.post({"text": "hello", "id": "posted"}, "").status_code == 202
        (home / "ipc/inbox/dropped.json").write_text('{"text": "hello"}')
        ready = service.get("/readyz")
        assert (ready.status_code, "no engine starts containers" in ready.text) == (503, True)
        own_engine.start()
        assert service.get("/messages/posted?wait=60").json()["status"] == "done"
        events.until((home / "ipc/outbox/dropped.json").exists, timeout=60)
        assert service.post({"text": "hello"}).json()["route"] == "persistent"
        assert service.get("/readyz").status_code == 200
        assert service.stop() == 0


def test_an_engine_that_comes_up_a_moment_after_the_service_is_taken(
    tmp_path: Path, own_engine: OwnEngine, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else agents would run without isolation wherever the machine starts the one before the other."""
    monkeypatch.setenv("DOCKER_HOST", own_engine.host)
    config = load({**settings, "OPENCLAW_HOME": str(tmp_path), "CONTAINER_RUNTIME": "auto"})
    own_engine.stop()

    def pause(_: float) -> bool:
        own_engine.start()
        return False

    runtime = choose(config, SystemClock(), lambda: "late", pause)

    assert runtime.kind == "docker"
    runtime.close()


def test_an_engine_that_is_stopped_and_started_again_costs_nobody_a_reply(
    tmp_path: Path, own_engine: OwnEngine, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    (home / "groups/friends").mkdir(parents=True)
    (home / "groups/friends/group.json").write_text("{}")
    with FarService(home, own_engine, {**settings, "OFFLINE_LATENCY": "2000"}) as service:
        service.post({"text": "hello", "id": "running"}, "")
        wait_until_begun(home, "running")
        own_engine.stop()
        for group in ("main", "friends"):
            assert service.post({"text": "hello", "id": group, "group": group}, "").status_code == 202
        own_engine.start()
        replies = [service.get(f"/messages/{each}?wait=60").json() for each in ("running", "main", "friends")]
        assert [(reply["status"], reply["attempt"]) for reply in replies] == [("done", 2), ("done", 1), ("done", 1)]
        assert service.stop() == 0


def test_a_stop_ends_though_the_engine_answers_nothing_and_the_next_start_removes_what_is_left(
    tmp_path: Path, own_engine: OwnEngine, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    there = Cli(settings["CONTAINER_CLI"], {**os.environ, "DOCKER_HOST": own_engine.host})
    with FarService(home, own_engine, settings) as service:
        assert service.post({"text": "hello"}).json()["status"] == "done"
        left = names_of(there, settings)
        own_engine.pause()
        try:
            assert service.stop() == 0
        finally:
            own_engine.resume()
    assert "The engine has not removed 1 containers" in (home / "logs/app.log").read_text()
    assert names_of(there, settings) == left
    with FarService(home, own_engine, {**settings, "ENABLE_PERSISTENT_MAIN": "false"}) as service:
        assert service.post({"text": "hello"}).json()["route"] == "dedicated"
        assert service.stop() == 0
    assert names_of(there, settings) == []


class HurriedCli(Cli):
    """Gives a start up after a second while it is `hurried`, and has all the patience that it is given otherwise."""

    hurried = False

    def run(self, args: Sequence[str], timeout: float = LOOK_TIMEOUT) -> Output:
        return super().run(args, 1.0 if self.hurried and args[0] == "run" else timeout)


def test_a_start_that_a_wedged_engine_did_not_take_leaves_its_name_to_the_next(
    tmp_path: Path, own_engine: OwnEngine, image: str
) -> None:
    cli = HurriedCli("docker", {**os.environ, "DOCKER_HOST": own_engine.host})
    exits = Exits()
    with closing(DockerRuntime(cli, SystemClock(), "late", image, Timeouts(start=60))) as runtime:
        runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
        runtime.list()
        own_engine.pause()
        cli.hurried = True
        try:
            late = runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid="late"))
            with pytest.raises(EngineOverdue):
                late.result(60)
        finally:
            cli.hurried = False
            own_engine.resume()

        runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid="next")).result(60)
        runtime.look_soon()

        runtime.remove("late").result(60)
        assert [(found.name, found.cid) for found in runtime.list()] == [("main", "next")]
        runtime.remove("next").result(60)
