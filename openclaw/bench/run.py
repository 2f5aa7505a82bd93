"""Measures figures one after another. Runs on the main thread."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from http.client import HTTPException

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Figure
from openclaw.bench.machine import describe
from openclaw.bench.report import Report, Result
from openclaw.errors import OpenClawError

MEASURE_ERRORS = (OpenClawError, OSError, HTTPException, subprocess.SubprocessError)
"""What a figure may raise where it cannot be measured; anything else is a defect and ends the run."""


def run(bench: Bench, figures: Sequence[Figure], say: Callable[[str], None]) -> Report:
    """Measure all of `figures`; one that fails does not keep the others from being measured.

    `say` is told what is measured next, and what went wrong.
    """
    machine = describe(bench)
    return Report(machine, bench.quick, tuple(_measure(bench, figure, say) for figure in figures))


def _measure(bench: Bench, figure: Figure, say: Callable[[str], None]) -> Result:
    if figure.needs_engine and bench.engine is None:
        return Result(figure, skipped="it needs a container engine")
    say(f"{figure.name}: {figure.about}")
    try:
        return Result(figure, tuple(figure.measure(bench.place(figure.name))))
    except MEASURE_ERRORS as error:
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, OpenClawError) else str(error)
        say(f"{figure.name} failed: {reason}")
        return Result(figure, error=reason)
