"""Standby: containers that are started ahead and wait, warm, for a subagent's task; each serves one and is removed.

Only bookkeeping, owned by the dedicated agents' thread: which containers stand by, how many are missing, and when to
try again after some have ended before they were of use. That thread launches and removes them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from openclaw.errors import OpenClawError

if TYPE_CHECKING:
    from openclaw.agents.job import Job
    from openclaw.containers.runtime import ContainerSpec

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds before another start after a standby container was lost; the pause doubles until one has served."""
MAX_DOUBLINGS = 10
"""More than it takes from the first pause to the longest."""


class Later(Protocol):
    """Has `act` called by the owner's thread after `delay` seconds."""

    def __call__(self, delay: float, act: Callable[[], None], /) -> object: ...


class Standby:
    """Keeps `size` containers warm. `launch` starts one, or returns None where that cannot be done now."""

    def __init__(
        self,
        size: int,
        *,
        spec: Callable[[], ContainerSpec],
        launch: Callable[[], Job | None],
        remove: Callable[[Job], None],
        later: Later,
    ) -> None:
        self._size = size
        self._spec = spec
        self._launch = launch
        self._remove = remove
        self._later = later
        self._starting: dict[str, Job] = {}  # by cid
        self._warm: dict[str, Job] = {}
        self._lost = 0  # in a row, without one that has served
        self._paused = False
        self._open = False

    def __len__(self) -> int:
        return len(self._warm)

    def open(self) -> None:
        """Begin to keep containers: the agent for people is served first."""
        self._open = True
        self.refill()

    def close(self) -> None:
        """Keep no more, and remove those that wait."""
        self._open = False
        self._remove_all()

    def warmed(self, job: Job) -> None:
        """The container's runner has answered: it may be given a task."""
        if self._starting.pop(job.cid, None) is not None:
            self._warm[job.cid] = job

    def take(self) -> Job | None:
        """A warm container that is as one started now would be, no longer kept here; None where there is none.

        `refill` is called afterwards.
        """
        while self._warm:
            cid = next(iter(self._warm))
            job = self._warm.pop(cid)
            if self._is_current(job):
                self._lost = 0
                return job
            log.info("The standby container %s has older settings and is replaced", job.name)
            self._remove(job)
        return None

    def has(self, job: Job) -> bool:
        return job.cid in self._starting or job.cid in self._warm

    def lost(self, job: Job) -> None:
        """The container has ended, or was never there. The next one comes after a pause."""
        self._starting.pop(job.cid, None)
        self._warm.pop(job.cid, None)
        self._lost += 1
        if not self._paused:
            self._paused = True
            doublings = min(self._lost - 1, MAX_DOUBLINGS)  # a float ends at 2**1024, which a bad night comes to
            pause = min(FIRST_PAUSE * 2.0**doublings, LONGEST_PAUSE)
            self._later(pause, self._resume)

    def refresh(self) -> None:
        """The image is another one: containers of the old one are replaced."""
        self._remove_all()
        self.refill()

    def engine_up(self) -> None:
        """The engine answers again: no pause is needed."""
        self._lost = 0
        self.refill()

    def _resume(self) -> None:
        self._paused = False
        self.refill()

    def refill(self) -> None:
        """Start what is missing. Not done by `take`: the task that was waited with goes first."""
        while self._open and not self._paused and len(self._starting) + len(self._warm) < self._size:
            job = self._launch()
            if job is None:
                return
            self._starting[job.cid] = job

    def _remove_all(self) -> None:
        jobs = [*self._starting.values(), *self._warm.values()]
        self._starting.clear()
        self._warm.clear()
        for job in jobs:
            self._remove(job)

    def _is_current(self, job: Job) -> bool:
        """Whether the group's settings are those with which it was started."""
        assert job.spec is not None
        try:
            now = self._spec()
        except OpenClawError:  # said to whoever asks for a container with these settings
            return False
        return replace(now, name=job.spec.name, cid=job.cid, channel_path=job.spec.channel_path) == job.spec
