"""What the service holds at one moment, and whether it is more than it was."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.bench.procfs import rss_mb
from openclaw.spool.spares import SPARE_PREFIX
from tests.faults.soak.containers import Containers
from tests.faults.soak.front import Front

_WORKING: Final = ("inbox", "work", "channels", "callbacks", "failed")
"""Folders of ipc/ in which nothing stays. The outbox keeps replies for days, by its setting."""

STANDBY: Final = 2
AT_REST: Final = 1 + STANDBY
"""Containers, and channels, of a service that has nothing to do: Main's, and those that stand by."""

MORE: Final = {"fds": 24, "threads": 12, "rss_mb": 24.0, "entries": 4, "tmp": 2}
"""How much more may be there than before: connections stay a while for the next, and the memory of what was answered
is bounded and not full at the start."""

_PAUSE = 0.5
_TRIES = 120


class Sample(NamedTuple):
    """Of a service that has nothing to do."""

    when: str
    fds: int
    threads: int
    rss_mb: float
    containers: int
    channels: int
    """Directories of ipc/channels, hidden ones included."""
    entries: int
    """In the other folders of ipc/ in which nothing stays but a bounded number of spares, which are not counted."""
    tmp: int
    """Beside the groups' folders, where settings are copied to."""

    def beyond(self, earlier: Sample) -> list[str]:
        """What has grown since, or is more than a service needs that has nothing to do."""
        idle = [f"{name}: {count} {self.when}" for name in ("containers", "channels")
                if (count := getattr(self, name)) != AT_REST]  # fmt: skip
        return idle + [
            f"{name}: {getattr(earlier, name)} {earlier.when}, {getattr(self, name)} {self.when}"
            for name, more in MORE.items()
            if getattr(self, name) > getattr(earlier, name) + more
        ]


def sample(when: str, front: Front, containers: Containers) -> Sample:
    home, pid = front.home, front.pid
    ipc = {name: _count(home / "ipc" / name) for name in _WORKING}
    return Sample(
        when,
        fds=int(front.metric("process_open_fds")),  # others than root cannot look themselves
        threads=_count(Path(f"/proc/{pid}/task")),
        rss_mb=round(rss_mb(pid), 1),
        containers=containers.count(),
        channels=ipc.pop("channels"),
        entries=sum(ipc.values()),
        tmp=_count(home / "groups/.settings"),
    )


def settled(when: str, front: Front, containers: Containers, earlier: Sample | None) -> Sample:
    """A sample once nothing is in flight and nothing has grown, or after a minute of looking."""
    pause = threading.Event()
    for _ in range(_TRIES):
        _, status = front.call("GET", "/status")
        found = sample(when, front, containers)
        quiet = status["in_flight"] == 0 and status["main"]["state"] == "READY"
        if quiet and not found.beyond(earlier or found):
            break
        pause.wait(_PAUSE)
    return found


def _count(folder: Path) -> int:
    try:
        return sum(not path.name.startswith(SPARE_PREFIX) for path in folder.iterdir())
    except FileNotFoundError:
        return 0
