"""An engine that ends or hangs under many agents, and comes back: nobody is owed a reply for it.

The engine is the tests' own, as in test_engine_away.py. In the long form it hangs until calls to it are given up, and
the service has to be whole within seconds of its coming back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from openclaw.containers.cli import Cli
from tests.docker.conftest import names_of
from tests.docker.subagents import begun, reply_to, spawn
from tests.docker.test_engine_away import FarService, OwnEngine
from tests.support.gate import Gate
from tests.support.log_lines import LogLines

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run an engine of its own"),
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed"),
]


class MortalEngine(OwnEngine):
    """An engine that a test may also kill."""

    def kill(self) -> None:
        """End it as a crash would; its containers live on until it is started again."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)
        self._process = None
        # Its containerd has died with it and may be a zombie for a while, which the next one would take for alive.
        (self._root / "exec/containerd/containerd.pid").unlink()

    def close(self) -> None:
        """Stop it, and take away what crashes have left: containers and mounts."""
        if self._process is None:
            self.start()  # which ends containers that it has not started itself
        self.stop()
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if Path(mount).is_relative_to(self._root)]):
            subprocess.run(["umount", mount], timeout=60, check=True)


class Away(NamedTuple):
    """How an engine goes, and how it comes back."""

    go: Callable[[MortalEngine], None]
    come: Callable[[MortalEngine], None]


AWAY: Final = {
    "stopped": Away(MortalEngine.stop, MortalEngine.start),
    "killed": Away(MortalEngine.kill, MortalEngine.start),
    "hung": Away(MortalEngine.pause, MortalEngine.resume),
}

LONG: Final = os.environ.get("OPENCLAW_FAULTS") == "long"
WHOLE: Final = 10.0 if LONG else 120.0
"""Seconds after which the service has to be whole again; in the short form beside much else that computes."""

MAX_TRIES: Final = 10
"""Messages that are sent until Main's container has answered one."""


@pytest.fixture(scope="module")
def mortal_engine(engine: Cli, image: str) -> Iterator[MortalEngine]:
    """An engine that has the agent's image and runs no container."""
    with tempfile.TemporaryDirectory(prefix="openclaw-engine-") as root:  # pytest's paths are too long for its sockets
        mortal = MortalEngine(Path(root))
        try:
            mortal.start()
            with subprocess.Popen([engine.program, "save", image], stdout=subprocess.PIPE) as saved:
                subprocess.run(
                    [engine.program, "load"], stdin=saved.stdout, env={**os.environ, "DOCKER_HOST": mortal.host},
                    stdout=subprocess.DEVNULL, timeout=300, check=True,
                )  # fmt: skip
            yield mortal
        finally:
            mortal.close()


@pytest.mark.parametrize("how", AWAY)
def test_an_engine_that_is_away_under_many_agents_and_comes_back_costs_nobody_a_reply(
    tmp_path: Path, mortal_engine: MortalEngine, settings: dict[str, str], how: str,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    home, away = tmp_path / "home", AWAY[how]
    there = Cli(settings["CONTAINER_CLI"], {**os.environ, "DOCKER_HOST": mortal_engine.host})
    settings = {**settings, "MAX_SUBAGENTS": "6", "SUBAGENT_STANDBY": "2"}
    with FarService(home, mortal_engine, settings) as service, Gate(home / "groups/main") as gate:
        children = spawn(service, f"/run {gate.command} echo well", 8)
        begun(home, children[:6])  # the other two wait for these to end
        mains = [f"main-{number}" for number in range(4)]
        for message_id in mains:
            service.post({"text": "/wait 3", "id": message_id, "session": message_id}, "")
            begun(home, [message_id])
        away.go(mortal_engine)
        assert service.post({"text": "hello", "id": "meanwhile", "session": "meanwhile"}, "").status_code == 202
        if how == "hung" and LONG:
            with closing(LogLines(home / "logs/app.log")) as lines:
                lines.find("docker ps did not return within 10 s")
        away.come(mortal_engine)
        came = time.monotonic()
        gate.open()
        assert reply_to(service, "meanwhile")["status"] == "done"
        record_property("whole after s", round(_until_whole(home, service) - came, 1))
        assert time.monotonic() - came <= WHOLE
        for message_id in (*children, *mains):
            reply = reply_to(service, message_id)
            assert reply["status"] == "done", reply
            assert reply["attempt"] <= 2

        (child,) = spawn(service, "/run echo well", parent="later")
        assert reply_to(service, child)["attempt"] == 1
        assert service.stop() == 0
    assert names_of(there, settings) == []
    assert list((home / "ipc/channels").iterdir()) == []


def _until_whole(home: Path, service: FarService) -> float:
    """Return when Main's container answers again, and the service says that it is ready: that moment.

    The first READY may be of before: then the message that is sent meets the container's death, and is made by another.
    """
    route = ""
    with closing(LogLines(home / "logs/app.log")) as lines:
        for _ in range(MAX_TRIES):
            while service.get("/status").json()["main"]["state"] != "READY":
                lines.find("Main persistent container ready")
            route = service.post({"text": "hello"}).json()["route"]
            if route == "persistent":
                break
    assert route == "persistent"
    assert service.get("/readyz").status_code == 200
    return time.monotonic()
