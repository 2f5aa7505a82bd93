"""Which engine answers, and whether it is one that we can use.

A pure question: keeps no state and starts no thread.
"""

from __future__ import annotations

from typing import NamedTuple

from openclaw.containers.cli import Cli
from openclaw.errors import EngineDown, RuntimeFailure


class EngineState(NamedTuple):
    """Whether an engine can be used; its version, or the reason why not and what to do."""

    usable: bool
    detail: str
    late: bool = False
    """The program is there and nothing listens: the engine is not up, or not yet."""
    runc: str = ""
    """The version of what starts its containers, as far as the engine tells."""


def detect(cli: Cli) -> EngineState:
    """Ask the engine what it is. Blocks for at most 10 s; never raises."""
    fields = ("{{.ServerVersion}}", "{{.OperatingSystem}}", "{{json .SecurityOptions}}", "{{.RuncCommit.ID}}")
    try:
        output = cli.run(["info", "--format=" + "\t".join(fields)])
    except RuntimeFailure as error:
        return EngineState(False, str(error), late=isinstance(error, EngineDown))
    version, system, security, runc = (*output.stdout.split("\t"), "", "", "", "")[:4]
    if output.code != 0 or not version:
        reason = output.stderr[:200] or "it tells no version"
        return EngineState(False, f"{cli.program} is no Docker command line: {reason}")
    if "Docker Desktop" in system:
        return EngineState(False, "Docker Desktop passes no file events to containers: use a Docker engine on Linux")
    if "name=rootless" in security or "name=userns" in security:
        return EngineState(False, "the engine maps user ids (rootless or userns-remap): use one that does not")
    return EngineState(True, version, runc=runc)
