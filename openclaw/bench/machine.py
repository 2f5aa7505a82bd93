"""What was measured on, since a time means nothing without it. Reads /proc once; keeps nothing."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from openclaw import __version__
from openclaw.bench.bench import Bench


@dataclass(frozen=True)
class Machine:
    """The machine and the software that a report is about. `load` is of the last minute before the run."""

    openclaw: str
    date: str
    cpus: int
    cpu: str
    load: float
    kernel: str
    python: str
    file_system: str
    runtime: str


def describe(bench: Bench) -> Machine:
    """This machine, now, as the bench uses it."""
    return Machine(
        openclaw=__version__,
        date=datetime.now().astimezone().isoformat(" ", "minutes"),
        cpus=len(os.sched_getaffinity(0)),
        cpu=_cpu_model(Path("/proc/cpuinfo").read_text()),
        load=round(os.getloadavg()[0], 2),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        file_system=file_system(bench.root, Path("/proc/self/mountinfo").read_text()),
        runtime=_runtime(bench),
    )


def _cpu_model(cpuinfo: str) -> str:
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return named[1] if named else platform.machine()


def _runtime(bench: Bench) -> str:
    if bench.engine is None:
        return "process: no container engine is measured, though the targets are meant for one"
    return f"docker {bench.engine.version}, image {bench.engine.image} ({bench.engine.image_id})"


def file_system(path: Path, mountinfo: str) -> str:
    """The type of the file system that holds `path`, by the text of /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    best, found = -1, "unknown"
    for line in mountinfo.splitlines():
        mount, _, about = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount.split()[4])
        kind, source = about.split()[:2]
        if path.is_relative_to(point) and len(point) >= best:  # of two at one place the later lies on top
            best, found = len(point), kind + _journal(kind, Path(source).name)
    return found


def _journal(kind: str, device: str) -> str:
    """ext4 syncs very differently with and without one."""
    if kind != "ext4" or not Path("/proc/fs/ext4", device).is_dir():
        return ""
    return " with a journal" if any(Path("/proc/fs/jbd2").glob(f"{device}-*")) else " without a journal"
