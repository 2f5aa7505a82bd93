"""Which runtime the service takes at its start: containers where an engine answers, else plain processes.

Used once, by the main thread; blocks. Plain processes isolate nothing, so an engine that is only not up yet, as while
the machine starts, is waited for a moment, and what is decided is said in one line with the way to change it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from openclaw.clock import Clock
from openclaw.config import Config
from openclaw.containers import runc
from openclaw.containers.cli import Cli
from openclaw.containers.detect import EngineState, detect
from openclaw.containers.docker import DockerRuntime
from openclaw.containers.process import ProcessRuntime
from openclaw.containers.runtime import Runtime
from openclaw.errors import StopAsked

log = logging.getLogger(__name__)

PAUSES: Final = (1.0, 2.0, 4.0)
"""Seconds before each further look at an engine that is not up yet."""


def choose(
    config: Config, clock: Clock, installation: Callable[[], str], pause: Callable[[float], bool]
) -> Runtime:
    """The runtime that CONTAINER_RUNTIME asks for. `installation` gives the id that labels containers.

    `docker` is taken whether it answers or not: messages are accepted and wait for it. `pause` waits for so many
    seconds, or returns True as soon as the service is asked to end: then StopAsked is raised.
    """
    cli = Cli(config.container_cli)
    wanted = config.container_runtime
    if wanted == "process":
        _warn("CONTAINER_RUNTIME=process", "CONTAINER_RUNTIME=auto takes an engine where one answers")
        return ProcessRuntime()
    state = detect(cli) if wanted == "docker" else _detect_patiently(cli, pause)
    if wanted == "auto" and not state.usable:
        _warn(state.detail, "Once it answers, start again; CONTAINER_RUNTIME=docker waits for it as long as it takes")
        return ProcessRuntime()
    if doubt := runc.doubt(state.runc):
        log.warning(doubt)
    if not state.usable:
        log.error("%s; messages are accepted and wait for it", state.detail)
    return DockerRuntime(cli, clock, installation(), config.container_image)


def _detect_patiently(cli: Cli, pause: Callable[[float], bool]) -> EngineState:
    state = detect(cli)
    if state.late:
        log.info("%s; it may be about to start and is waited for, %g s at most", state.detail, sum(PAUSES))
    for seconds in PAUSES:
        if not state.late:
            break
        if pause(seconds):
            raise StopAsked("the service was asked to end while it waited for the container engine")
        state = detect(cli)
    return state


def _warn(why: str, how_to_change_it: str) -> None:
    log.warning("No container engine (%s): agents run as plain processes WITHOUT isolation. %s", why, how_to_change_it)
