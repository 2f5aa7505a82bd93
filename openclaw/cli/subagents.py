"""`openclaw subagents`: those that run or wait, and the cancellation of one.

Runs on the main thread; one call to the service.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from openclaw.cli.client import Client
from openclaw.cli.terminal import printable
from openclaw.config import Config


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Do what was asked. Raises what Client raises."""
    with Client.of(config) as client:
        if arguments.cancel:
            client.delete(f"/messages/{arguments.cancel}")
            print(f"{arguments.cancel} is being cancelled")
            return 0
        subagents: list[dict[str, Any]] = client.get("/subagents")["subagents"]
    print(json.dumps(subagents) if arguments.json else printable("\n".join(map(line, subagents)) or "none"))
    return 0


def line(entry: dict[str, Any]) -> str:
    """One subagent, as in the list."""
    task = " ".join(str(entry["task"]).split())
    return f"{entry['id']}  {entry['status']}  {entry['priority']}  {task[:100]}"
