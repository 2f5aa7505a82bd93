"""The doctor's look at the container engine: its program, itself, and the agent's image. Asks, and changes nothing."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from openclaw.cli.doctor import user
from openclaw.cli.doctor.finding import Finding
from openclaw.config import CHECKOUT, Config
from openclaw.containers.cli import Cli
from openclaw.containers.detect import EngineState, detect
from openclaw.errors import RuntimeFailure

_DIGEST_TIMEOUT: Final = 30.0
_GROUP: Final = "docker"
_LABEL: Final = '{{index .Config.Labels "openclaw.source"}}'


def check(config: Config) -> Iterator[Finding]:
    """The engine as far as CONTAINER_RUNTIME asks for one."""
    if config.container_runtime == "process":
        why = "CONTAINER_RUNTIME=process: agents run WITHOUT isolation"
        yield Finding.warn("engine", why, "take that line out of .env: auto is better")
        return
    name = f"{config.container_cli} CLI"
    if (program := shutil.which(config.container_cli)) is None:
        advice = "sudo apt install docker.io, or name another by CONTAINER_CLI"
        yield _without(config, name, "it is not installed", advice)
        return
    yield Finding.ok(name, program)
    cli = Cli(config.container_cli)
    state = detect(cli)
    if not state.usable:
        yield _without(config, "engine", state.detail, _advice(state))
        return
    yield Finding.ok("engine", f"version {state.detail}")
    yield _image(cli, config.container_image)


def _without(config: Config, name: str, why: str, advice: str) -> Finding:
    """With `docker` nothing is answered then; with `auto` agents run, in plain processes."""
    if config.container_runtime == "docker":
        return Finding.fail(name, why, advice)
    return Finding.fail(name, f"{why}; agents run as plain processes, WITHOUT isolation", advice)


def _advice(state: EngineState) -> str:
    if "socket is not open to this user" not in state.detail:
        return "sudo systemctl start docker" if state.late else "see the reason; CONTAINER_RUNTIME=process does without"
    me = user.name()
    with suppress(KeyError):
        group = grp.getgrnam(_GROUP)
        if me in group.gr_mem and group.gr_gid not in os.getgroups():
            return f"{me} is in the group {_GROUP} and this login is older: log in again, or: newgrp {_GROUP}"
    return f"sudo usermod -aG {_GROUP} {me}, then log in again (the group is as good as root)"


def _image(cli: Cli, image: str) -> Finding:
    """Whether the image is there, and made of what lies in the checkout."""
    try:
        output = cli.run(["image", "inspect", f"--format={_LABEL}", image])
    except RuntimeFailure as error:
        return Finding.fail("image", str(error), "sudo systemctl restart docker: it answers, and then it does not")
    if output.code != 0:
        return Finding.fail("image", f"{image} is not there", f"make image (in {CHECKOUT})")
    wanted = _digest()
    if wanted and output.stdout != wanted:
        why = f"{image} was built from other sources than this checkout's"
        return Finding.warn("image", why, "make image, then restart openclaw")
    return Finding.ok("image", f"{image}, built from this checkout" if wanted else image)


def _digest() -> str:
    """What the image's label says if it is fresh; empty where openclaw is not run from a checkout."""
    script = CHECKOUT / "container/build_context.py"
    try:
        done = subprocess.run(
            [sys.executable, str(script), "digest"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_DIGEST_TIMEOUT, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
