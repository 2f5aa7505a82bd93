"""`openclaw status`: what runs where, as the service tells it, or what the home tells where it does not run.

Runs on the main thread; one call to /status, printed as indented text or as JSON. Exit codes: 0 it answers, 1 not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from openclaw.cli import home_view
from openclaw.cli.client import Client, ServiceDown
from openclaw.cli.terminal import printable
from openclaw.config import Config


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Print the status. Raises CallRefused where what answers is no service of ours."""
    try:
        with Client.of(config) as client:
            status = client.get("/status")
    except ServiceDown as down:
        return _from_home(config, str(down), as_json=arguments.json)
    print(json.dumps(status) if arguments.json else printable("\n".join(lines(status))))
    return 0


def _from_home(config: Config, why: str, *, as_json: bool) -> int:
    seen = home_view.view(config.home)
    if as_json:
        print(json.dumps({"running": False, "reason": why, "home": str(config.home), **seen}))
    else:
        print(printable("\n".join([f"openclaw: {why}", f"home: {config.home}", *home_view.lines(seen)])))
    return 1


def lines(value: dict[str, Any], indent: str = "") -> Iterator[str]:
    """One line for each key of `value`; what it holds stands indented below it, a list's items with a dash."""
    for key, held in value.items():
        if isinstance(held, dict) and held:
            yield f"{indent}{key}:"
            yield from lines(held, indent + "  ")
        elif isinstance(held, list) and held:
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_one_line(item)}" for item in held)
        else:
            yield f"{indent}{key}: {_one_line(held)}"


def _one_line(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_one_line(held)}" for key, held in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_one_line(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)
