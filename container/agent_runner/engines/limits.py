"""The container's limits, and whether one was reached, as the kernel counts it in either version of control groups.

Nobody is told by the kernel that another process was killed for want of memory, or that a fork failed somewhere below:
the exit code of a command may be 0 all the same. Keeps no state; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
"""Where a container sees its own control group, or one for each controller (version 1)."""

_COUNTERS: Final = (
    ("memory_mb", "memory.events", "oom_kill"),
    ("memory_mb", "memory/memory.oom_control", "oom_kill"),
    ("pids", "pids.events", "max"),
    ("pids", "pids/pids.events", "max"),
)
"""The group's setting, the file, and the line in it; Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/."""


def counted(root: Path = ROOT) -> dict[str, int]:
    """How often each limit was reached so far, by the setting's name; one that cannot be read was never reached."""
    return {setting: _count(root / file, line) for setting, file, line in _COUNTERS if (root / file).exists()}


def reached_since(before: Mapping[str, int], root: Path = ROOT) -> list[str]:
    """The settings whose limits were reached since `counted` gave `before`."""
    return [setting for setting, count in counted(root).items() if count > before.get(setting, 0)]


def _count(file: Path, line: str) -> int:
    try:
        pairs = dict(each.split(maxsplit=1) for each in file.read_text().splitlines())
        return int(pairs.get(line, 0))
    except (OSError, ValueError):
        return 0
