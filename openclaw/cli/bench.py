"""`openclaw bench`: measures openclaw on this machine and prints one table.

Runs on the main thread. Exit codes: 0 measured, whether targets are met or not, for machines differ; 1 could not
measure; 2 an unknown figure. What is being measured is said on stderr, the table alone on stdout.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from openclaw.bench.bench import opened
from openclaw.bench.figure import Figure
from openclaw.bench.figures import FIGURES
from openclaw.bench.report import Report
from openclaw.bench.run import run as measure
from openclaw.bench.table import render
from openclaw.config import Config
from openclaw.errors import ConfigError, OpenClawError

TERMINATED = 143


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Measure the figures that `arguments` name. Raises ConfigError for an unknown one, NotMeasured without a place."""
    figures = choose(arguments.names)
    # As Ctrl-C does: services and containers that were started are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if arguments.json is not None:
        _write(arguments.json, "")  # found out now, not after minutes
    with opened(config, quick=arguments.quick) as bench:
        report = measure(bench, figures, _say)
    print(render(report))
    if arguments.json is not None:
        _write(arguments.json, _json(report))
    return 0 if report.measured else 1


def choose(names: Sequence[str]) -> list[Figure]:
    """The figures of these names in their own order; all where none is named. Raises ConfigError for another name."""
    known = {figure.name: figure for figure in FIGURES}
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"there is no figure {unknown[0]!r}; known: {', '.join(known)}")
    return [figure for name, figure in known.items() if name in names or not names]


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _json(report: Report) -> str:
    return json.dumps(report.to_json(), ensure_ascii=False, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OpenClawError(f"{path} cannot be written: {error.strerror}") from None
