"""`openclaw agents`: the agent profiles that a subagent can follow, and what is wrong with those that it cannot.

Runs on the main thread. Reads the files of the home, as the service does when one is asked for: it need not run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from openclaw.agents.profiles import Profiles
from openclaw.cli.terminal import printable
from openclaw.config import Config

SHOWN = 300
"""Characters of a description."""


def run(config: Config, arguments: argparse.Namespace) -> int:
    """List them; 0 whatever is wrong with some."""
    groups = config.home / "groups"
    entries = Profiles(groups).list()
    if arguments.json:
        print(json.dumps(entries))
        return 0
    print(printable("\n".join(line for entry in entries for line in lines(entry))) or _none(str(groups)))
    return 0


def _none(groups: str) -> str:
    return f"none; a profile is a file {groups}/main/.claude/agents/NAME.md"


def lines(entry: dict[str, Any]) -> Iterator[str]:
    """What is shown of one: a line that can be searched for, and what belongs to it below."""
    of = "" if entry["group"] == "main" else f" (of {entry['group']})"
    if "error" in entry:
        yield f"{entry['name']}{of}  cannot be used: {entry['error']}"
        return
    denied = f" but {', '.join(entry['denied'])}" if "denied" in entry else ""
    tools = "all tools" if entry["tools"] == ["*"] else ", ".join(entry["tools"])
    memory = ", keeps a memory" if "memory" in entry else ""
    yield f"{entry['name']}{of}  model {entry['model']}, {tools}{denied}{memory}"
    description = " ".join(entry["description"].split())
    yield f"    {description if len(description) <= SHOWN else description[:SHOWN] + '…'}"
    if "unused" in entry:
        yield f"    does nothing here: {', '.join(entry['unused'])}"
    yield f"    {entry['path']}"
