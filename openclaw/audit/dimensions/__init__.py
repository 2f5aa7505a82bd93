"""The nine dimensions of the specification, one module each: what a file's own tree tells, and what the project tells.

`local` runs while a file's tree is there and leaves hints; `project` runs at the end, over everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from openclaw.audit.dimensions import (
    blocking,
    caching,
    disk,
    memory,
    parallel,
    polling,
    processes,
    scaling,
    synchronous,
)
from openclaw.audit.finding import Finding
from openclaw.audit.link import Project
from openclaw.audit.model import Function, Hint, Module
from openclaw.audit.typer import Typer

_ALL = (blocking, synchronous, polling, disk, processes, memory, scaling, caching, parallel)


def hints(module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    """What a function's own tree tells, all dimensions."""
    for dimension in _ALL:
        yield from dimension.local(module, typer, function)


def findings(project: Project) -> Iterator[Finding]:
    """What the whole project tells, all dimensions, in no order."""
    for dimension in _ALL:
        yield from dimension.project(project)
