"""The real engine: tests here are skipped without one, or fail where OPENCLAW_REQUIRE_DOCKER=1 says it must be there.

Containers of these tests bear an installation label of their own; nothing else on the engine is touched.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from openclaw.clock import SystemClock
from openclaw.containers.cli import Cli
from openclaw.containers.detect import detect
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.process import CHECKOUT
from tests.support.exits import Exits

IMAGE = "openclaw-agent:test"


@pytest.fixture(scope="session")
def engine() -> Cli:
    """The CLI of an engine that answers."""
    cli = Cli(os.environ.get("CONTAINER_CLI", "docker"))
    state = detect(cli)
    if not state.usable:
        if os.environ.get("OPENCLAW_REQUIRE_DOCKER") == "1":
            pytest.fail(f"OPENCLAW_REQUIRE_DOCKER=1, but {state.detail}", pytrace=False)
        pytest.skip(state.detail)
    return cli


@pytest.fixture(scope="session")
def image(engine: Cli) -> str:
    """The agent's image of this checkout, built once if need be under a name of its own."""
    build = str(CHECKOUT / "container" / "build.sh")
    environ = {**os.environ, "CONTAINER_IMAGE": IMAGE, "CONTAINER_CLI": engine.program}
    fresh = subprocess.run([build, "--check"], env=environ, stdin=subprocess.DEVNULL, timeout=60, check=False)
    if fresh.returncode != 0:
        subprocess.run([build], env=environ, stdin=subprocess.DEVNULL, timeout=1500, check=True)
    return IMAGE


@pytest.fixture
def installation(engine: Cli) -> Iterator[str]:
    """An installation's id; what bears it is removed afterwards, one container at a time."""
    installation = f"test-{uuid.uuid4().hex[:12]}"
    yield installation
    listed = engine.run(["ps", "--all", "--quiet", f"--filter=label=openclaw.installation={installation}"])
    for engine_id in listed.stdout.split():
        engine.run(["rm", "--force", "--volumes", engine_id], 60)


@pytest.fixture
def exits() -> Exits:
    return Exits()


@pytest.fixture
def runtime(engine: Cli, image: str, installation: str, exits: Exits) -> Iterator[DockerRuntime]:
    """A runtime of that installation, which watches."""
    runtime = DockerRuntime(engine, SystemClock(), installation, image)
    runtime.open(exits.on_exit, exits.on_engine_up)
    yield runtime
    runtime.close()
