"""`openclaw doctor`: looks at the machine, the settings and the service, and says of what is wrong what to do.

Runs on the main thread; reads and asks, and changes nothing. Exit codes: 0 nothing failed, 1 something did.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from openclaw.cli.doctor import engine, files, machine, model, service
from openclaw.cli.doctor.finding import Finding
from openclaw.cli.terminal import dim, printable
from openclaw.config import CHECKOUT, Config, load
from openclaw.errors import ConfigError

T = TypeVar("T")

_OF_THE_MACHINE: Final[tuple[Callable[[Path], Iterator[Finding]], ...]] = (
    machine.python,
    machine.inotify,
    machine.disk,
    files.folders,
    files.env_file,
    service.unit,
)
_OF_THE_SETTINGS: Final[tuple[Callable[[Config], Iterator[Finding]], ...]] = (
    files.settings,
    model.check,
    machine.watches_enough,
    engine.check,
    service.port,
)


def run(environ: Mapping[str, str], arguments: argparse.Namespace) -> int:
    """Make every check that can be made, and print what came of them."""
    found = list(findings(environ))
    failed = [one for one in found if one.state == "fail"]
    if arguments.json:
        print(json.dumps({"ok": not failed, "checks": [one._asdict() for one in found]}))
    else:
        _print(found, len(failed))
    return 1 if failed else 0


def findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What every check finds. Settings that make no sense are one finding; what depends on them is left out then."""
    home = Path(os.path.expanduser(environ.get("OPENCLAW_HOME") or str(CHECKOUT))).absolute()
    for look in _OF_THE_MACHINE:
        yield from _made(look, home)
    try:
        config = load(environ)
    except ConfigError as error:
        advice = f"correct it in {home / '.env'} or the environment; .env.example helps"
        yield Finding.fail("settings", str(error), advice)
        yield Finding.skip("model, engine, port", "they depend on the settings")
        return
    for ask in _OF_THE_SETTINGS:
        yield from _made(ask, config)


def _made(check: Callable[[T], Iterator[Finding]], about: T) -> Iterator[Finding]:
    """What `check` finds; what keeps it from looking is one thing more, and the others are made all the same."""
    try:
        yield from check(about)
    except OSError as error:
        name = check.__name__.replace("_", " ")
        yield Finding.fail(name, f"it could not be looked at: {error}", "run the doctor as the user whose home it is")


def _print(found: list[Finding], failed: int) -> None:
    width = max(len(one.name) for one in found)
    for one in found:
        state = one.state.upper() if one.state == "fail" else one.state
        print(printable(f"{state:4}  {one.name:{width}}  {one.detail}"))
        if one.advice:
            print(printable(f"{'':4}  {'':{width}}  → {one.advice}"))
    summary = f"{failed} of {len(found)} checks failed" if failed else "nothing is wrong that was looked at"
    print(dim(summary, sys.stdout))
