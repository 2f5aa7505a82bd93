"""The doctor's look at the machine: Python, inotify, the disk. Reads only."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from openclaw.cli.doctor.finding import Finding
from openclaw.config import Config
from openclaw.spool import Inotify

OLDEST_PYTHON: Final = (3, 11)
MIB: Final = 1024 * 1024
FULL: Final = 100 * MIB
"""Free bytes below which the service will soon take no messages."""
NEARLY_FULL: Final = 1024 * MIB
FEW_FILES: Final = 10_000
"""Free inodes; a message takes a few for a moment, a reply one for days."""

_LIMITS: Final = Path("/proc/sys/fs/inotify")
_UNHEARD: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "virtiofs", "vboxsf", "afs"})
"""File systems on which changes that others make are not told by inotify."""
_MOUNTS: Final = Path("/proc/self/mounts")


def python(_home: Path) -> Iterator[Finding]:
    """The interpreter that runs this, and the one package beside it."""
    version, name = platform.python_version(), "Python"
    if sys.platform != "linux":
        yield Finding.fail("system", f"this is {sys.platform}", "run openclaw on Linux: it needs inotify and flock")
    if sys.version_info < OLDEST_PYTHON:
        advice = "install Python 3.11 or newer, then: make PYTHON=python3.11 venv"
        yield Finding.fail(name, f"{version} is too old", advice)
        return
    try:
        yield Finding.ok(name, f"{version} with requests {metadata.version('requests')}")
    except metadata.PackageNotFoundError:
        yield Finding.fail(name, f"{version} has no requests", "make venv, then .venv/bin/openclaw")


def inotify(home: Path) -> Iterator[Finding]:
    """Whether the kernel gives this user an instance, and the home lies where it tells of changes."""
    name = "inotify"
    try:
        Inotify().close()
    except OSError as error:
        yield Finding.fail(
            name, f"no instance is left: {error.strerror}", "sudo sysctl fs.inotify.max_user_instances=1024"
        )
    else:
        yield Finding.ok(name, f"{_limit('max_user_instances')} instances, {_limit('max_user_watches')} watches a user")
    if (kind := _file_system(home)) in _UNHEARD:
        why = f"{home} lies on {kind}, which does not tell of dropped files"
        yield Finding.warn(name, why, "move it to a local disk (OPENCLAW_HOME)")


def watches_enough(config: Config) -> Iterator[Finding]:
    """Whether there are instances for all containers that may run: each takes one, of the same user's."""
    limit = _limit("max_user_instances")
    wanted = config.max_concurrent_containers + config.subagent_standby + 2
    if config.container_runtime != "process" and 0 < limit < wanted:
        yield Finding.warn(
            "inotify",
            f"{limit} instances are fewer than {wanted}, which MAX_CONCURRENT_CONTAINERS may take",
            f"sudo sysctl fs.inotify.max_user_instances={max(256, 2 * wanted)}",
        )


def disk(home: Path) -> Iterator[Finding]:
    """Room on the home's disk."""
    name = "disk"
    place = next(path for path in (home, *home.parents) if os.path.exists(path))
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    room = f"{free // MIB:,} MiB are free on the disk of {home}"
    if free < FULL:
        yield Finding.fail(name, room, "make room; what was answered is in ipc/outbox, kept for OUTBOX_RETENTION_DAYS")
    elif free < NEARLY_FULL:
        yield Finding.warn(name, room, "make room before it is full: then no message is taken")
    else:
        yield Finding.ok(name, room)
    if status.f_files and status.f_favail < FEW_FILES:
        yield Finding.fail(name, f"{status.f_favail} files may still be made there", "remove files: inodes run out")


def _limit(name: str) -> int:
    """A limit of inotify(7); 0 where it is not told."""
    try:
        return int((_LIMITS / name).read_text())
    except (OSError, ValueError):
        return 0


def _file_system(path: Path) -> str:
    """The type of the file system on which `path` lies, or will; empty where that is not told."""
    best, kind = "", ""
    try:
        mounts = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, place, its_kind, *_ = (*line.split(" "), "", "", "")
        place = place.encode().decode("unicode_escape", errors="replace")
        if len(place) >= len(best) and (path == Path(place) or Path(place) in path.parents):
            best, kind = place, its_kind
    return kind
