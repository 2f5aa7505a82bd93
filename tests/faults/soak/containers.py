"""The containers of a soaked service, whatever they are: how many there are, and how one is killed behind its back."""

from __future__ import annotations

import json
import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from openclaw.bench.procfs import children
from openclaw.containers.cli import Cli
from tests.faults.soak.front import Front


class Containers(Protocol):
    def count(self) -> int:
        """Those that run or have ended and are still there."""
        ...

    def names(self) -> str:
        """What they are called, for a person."""
        ...

    def kill_one(self, chance: random.Random) -> bool:
        """SIGKILL one of them; False where there is none."""
        ...


class ChildProcesses:
    """Of the process runtime."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def count(self) -> int:
        return len(self._pids())

    def names(self) -> str:
        return " ".join(map(str, self._pids()))

    def kill_one(self, chance: random.Random) -> bool:
        pids = self._pids()
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
        return True

    def _pids(self) -> list[int]:
        return sorted(pid for pid, command in children(self._front.pid).items() if "agent_runner" in command)


class DockerContainers:
    """Of the engine that `cli` reaches. Killed is their first process, which takes no call that changes the engine."""

    def __init__(self, cli: Cli, home: Path) -> None:
        self._cli = cli
        self._home = home

    def count(self) -> int:
        return len(self._ids("--all"))

    def names(self) -> str:
        ours = f"--filter=label=openclaw.installation={self._installation()}"
        return self._cli.run(["ps", "--all", ours, "--format={{.Names}}, {{.Status}}"]).stdout

    def kill_one(self, chance: random.Random) -> bool:
        ids = self._ids()
        if not ids:
            return False
        victim = chance.choice(ids)
        pid = self._cli.run(["inspect", "--format={{.State.Pid}}", victim]).stdout
        if os.getuid() != 0:
            self._cli.run(["kill", victim], 60)
        elif pid.isdigit() and int(pid) > 1:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return True

    def _ids(self, *options: str) -> list[str]:
        ours = f"--filter=label=openclaw.installation={self._installation()}"
        return sorted(self._cli.run(["ps", *options, "--quiet", "--no-trunc", ours]).stdout.split())

    def _installation(self) -> str:
        return str(json.loads((self._home / "ipc/.installation").read_bytes())["id"])
