"""python -m tests.faults.soak --minutes N --agents 100 [--runtime process|docker] [--seed N]

Prints a table of what the service held, and what was wrong; the exit code is 1 where something was.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import uuid
from pathlib import Path

from openclaw.containers.cli import Cli
from tests.faults.soak.containers import ChildProcesses, Containers, DockerContainers
from tests.faults.soak.front import Front
from tests.faults.soak.run import SETTINGS, Plan, Result, Soak
from tests.faults.soak.sample import Sample


def soak(home: Path, runtime: str, plan: Plan, image: str = "openclaw-agent:test") -> Result:
    """One soak on a new home."""
    settings = {**SETTINGS, "CONTAINER_RUNTIME": runtime, "CONTAINER_IMAGE": image}
    settings["CONTAINER_PREFIX"] = f"soak-{uuid.uuid4().hex[:8]}"
    front = Front(home, settings)
    containers: Containers = ChildProcesses(front) if runtime == "process" else DockerContainers(Cli("docker"), home)
    return Soak(front, containers, plan, lambda line: print(line, flush=True)).run()


def table(result: Result) -> str:
    names = Sample._fields
    rows = [names, *(tuple(map(str, sample)) for sample in result.samples)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lost = sum("is lost" in what for what in result.wrong)
    double = sum("times" in what or ", then with" in what for what in result.wrong)
    lines.append(f"{result.outcomes.total()} acknowledged: {dict(sorted(result.outcomes.items()))}")
    lines.append(f"{result.kills} containers and {result.restarts} services killed; {lost} lost, {double} double")
    return "\n".join([*lines, *result.wrong[:20]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--image", default="openclaw-agent:test")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    plan = Plan(given.minutes * 60, given.agents, given.seed, kill_every=2.0, restart_every=15.0, work=3.0, heavy=20)
    with tempfile.TemporaryDirectory(prefix="openclaw-soak-") as place:
        result = soak(Path(place) / "home", given.runtime, plan, given.image)
    print(table(result))
    return bool(result.wrong)


if __name__ == "__main__":
    sys.exit(main())
