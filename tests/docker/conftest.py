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

IMAGE = os.environ.get("OPENCLAW_TEST_IMAGE", "openclaw-agent:test")
"""Two checkouts that are tested on one engine at a time need a tag each, or they replace each other's image."""


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


def build(engine: Cli, dockerfile: str, name: str) -> None:
    """Build an image without context or network."""
    subprocess.run(
        [engine.program, "build", "--network=none", "--force-rm", f"--tag={name}", "-"],
        input=dockerfile.encode(), env={**os.environ, "DOCKER_BUILDKIT": "0"},
        stdout=subprocess.DEVNULL, timeout=120, check=True,
    )  # fmt: skip


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
    runtime = DockerRuntime(Cli(engine.program), SystemClock(), installation, image)
    runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
    yield runtime
    runtime.close()


@pytest.fixture
def settings(engine: Cli, image: str) -> Iterator[dict[str, str]]:
    """A service's settings, with a prefix of its own for one test's containers; what is left of them is removed."""
    settings = {
        "CONTAINER_RUNTIME": "docker",
        "CONTAINER_CLI": engine.program,
        "CONTAINER_IMAGE": image,
        "CONTAINER_PREFIX": f"test-{uuid.uuid4().hex[:8]}",
    }
    yield settings
    for name in names_of(engine, settings):
        engine.run(["rm", "--force", name], 60)


def main_of(settings: dict[str, str]) -> str:
    """The name of Main's container."""
    return f"{settings['CONTAINER_PREFIX']}-main-persistent"


def names_of(engine: Cli, settings: dict[str, str], group: str = "") -> list[str]:
    """The names of a service's containers, or of those that serve `group`."""
    prefix = f"{settings['CONTAINER_PREFIX']}-{group and f'{group}-'}"
    return engine.run(["ps", "--all", f"--filter=name=^{prefix}", "--format={{.Names}}"]).stdout.split()
