"""What /proc tells of a process: how often it woke, what it computed, how much memory it holds.

It reads, and `lasting` waits. Raises OSError where the process is gone.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Spent(NamedTuple):
    """Of one process: voluntary context switches, each the end of a wait, and seconds on a CPU."""

    wakeups: int
    cpu_s: float


def threads(pid: int) -> dict[int, Spent]:
    """What each thread of the process has spent so far. CPU time by the scheduler's count, in nanoseconds."""
    found = {}
    for task in (_PROC / str(pid) / "task").iterdir():
        try:
            switches = int(_field(task, "voluntary_ctxt_switches"))
            on_cpu = int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended meanwhile
        found[int(task.name)] = Spent(switches, on_cpu / 1e9)
    return found


def spent_since(before: dict[int, Spent], after: dict[int, Spent]) -> Spent:
    """What the threads of `after` have spent since `before`; those that began meanwhile count from zero."""
    none = Spent(0, 0.0)
    pairs = [(spent, before.get(thread, none)) for thread, spent in after.items()]
    return Spent(
        sum(now.wakeups - then.wakeups for now, then in pairs), sum(now.cpu_s - then.cpu_s for now, then in pairs)
    )


def cpu_s(pid: int) -> float:
    """Seconds that the process has computed so far, threads that have ended included; in steps of a clock tick."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    user, system = fields[11:13]  # utime and stime of proc_pid_stat(5), counted from the field after the name
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    return _megabytes(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The most resident memory that it has had so far, in MB."""
    return _megabytes(pid, "VmHWM")


def children(pid: int) -> dict[int, list[str]]:
    """The command line of each child of the process."""
    found = {}
    for process in _PROC.glob("[0-9]*"):
        try:
            if int(_field(process, "PPid")) == pid:
                found[int(process.name)] = (process / "cmdline").read_text().rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def lasting(pids: Iterable[int], seconds: float) -> list[int]:
    """Those of `pids` that have not ended `seconds` from now; returns as soon as all have."""
    until = time.monotonic() + seconds
    return [pid for pid in pids if not _ends(pid, until)]


def _ends(pid: int, until: float) -> bool:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)  # readable once it has ended, reaped or not: pidfd_open(2)
        return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
    finally:
        os.close(fd)


def _megabytes(pid: int, field: str) -> float:
    kibibytes = int(_field(_PROC / str(pid), field).split()[0])
    return kibibytes * 1024 / 1e6


def _field(directory: Path, name: str) -> str:
    for line in (directory / "status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise ProcessLookupError(f"{directory}/status has no {name}")  # a zombie has no memory
