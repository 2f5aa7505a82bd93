"""Bench: what a figure measures with, namely services on homes of their own, a clock, and how much of everything.

Homes lie on the file system of OPENCLAW_HOME, since that is the disk a user's messages wait for, and are removed
afterwards. Used by one thread.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import ParamSpec

from openclaw.bench.figure import NotMeasured
from openclaw.bench.service_process import SERVE, UNSYNCED, ServiceProcess
from openclaw.clock import Clock, SystemClock
from openclaw.config import SETTINGS, Config
from openclaw.containers.cli import Cli
from openclaw.containers.detect import detect

SCRATCH = ".benchmarks"
"""Folder below OPENCLAW_HOME for the homes that are measured."""

DEFAULTS: Mapping[str, str] = MappingProxyType({})
"""Settings as a new installation has them."""

P = ParamSpec("P")


@dataclass(frozen=True)
class Engine:
    """The container engine that is measured with: its command line, its version, and the agent's image."""

    cli: Cli
    version: str
    image: str
    image_id: str


@dataclass(frozen=True)
class Bench:
    """Where and how much to measure. `engine` is None where agents run as plain processes."""

    root: Path
    engine: Engine | None
    quick: bool
    clock: Clock

    def place(self, name: str) -> Bench:
        """The same in a folder of its own, which stays until all is measured.

        On ext4 without a journal files that are removed make new ones dear for minutes: a figure would pay for the one
        before it.
        """
        root = self.root / name
        root.mkdir(parents=True)
        return replace(self, root=root)

    def amount(self, full: int, quick: int) -> int:
        """How many to measure."""
        return quick if self.quick else full

    def timed(self, act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
        """Seconds that the call takes."""
        began = self.clock.monotonic()
        act(*args, **kwargs)
        return self.clock.monotonic() - began

    def service(
        self, settings: Mapping[str, str] = DEFAULTS, *, home: str = "home", synced: bool = True
    ) -> ServiceProcess:
        """A service on the home of that name, for a `with` block. Without `synced` it leaves out every fsync."""
        module = SERVE if synced else UNSYNCED
        cli = self.engine.cli if self.engine else None
        return ServiceProcess(self.root / home, self.environ(home, settings), module, cli)

    def environ(self, home: str, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of a service: of openclaw's settings only these, whatever the caller has set."""
        known = {setting.name for setting in SETTINGS}
        runtime = {"CONTAINER_RUNTIME": "process"}
        if self.engine is not None:
            runtime = {
                "CONTAINER_RUNTIME": "docker",
                "CONTAINER_CLI": self.engine.cli.program,
                "CONTAINER_IMAGE": self.engine.image,
                "CONTAINER_PREFIX": f"openclaw-bench-{secrets.token_hex(3)}",
            }
        return {
            **{name: value for name, value in os.environ.items() if name not in known},
            "OPENCLAW_HOME": str(self.root / home),
            "OPENCLAW_PORT": "0",
            "AGENT_ENGINE": "offline",
            "SUBAGENT_STANDBY": "0",  # figures that are about them say so
            **runtime,
            **settings,
        }


@contextmanager
def opened(config: Config, *, quick: bool) -> Iterator[Bench]:
    """A bench beside the configured home, with the configured runtime. Raises NotMeasured where there is none."""
    engine = _engine(config)
    scratch = config.home / SCRATCH
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotMeasured(f"{scratch} cannot be made: {error.strerror}; set OPENCLAW_HOME") from None
    bench = Bench(scratch, engine, quick, SystemClock()).place(secrets.token_hex(4))
    try:
        yield bench
    finally:
        shutil.rmtree(bench.root, ignore_errors=True)


def _engine(config: Config) -> Engine | None:
    """The engine to measure with. Raises NotMeasured where one is wanted and cannot be used."""
    if config.container_runtime == "process":
        return None
    cli = Cli(config.container_cli)
    state = detect(cli)
    if not state.usable:
        if config.container_runtime == "docker":
            raise NotMeasured(state.detail)
        return None
    inspected = cli.run(["image", "inspect", "--format={{.Id}}", config.container_image])
    if inspected.code != 0:
        raise NotMeasured(f"the image {config.container_image} is not on this machine: run `make image`")
    image_id = inspected.stdout.removeprefix("sha256:")[:12]
    return Engine(cli, state.detail, config.container_image, image_id)
