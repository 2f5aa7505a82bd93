"""One soak: a first half in which the service is killed, too, and a second one which it has to live through.

What it holds is looked at when nobody calls: after a warm-up, between the halves, in the middle and at the end of the
second. Only a service that lives shows whether it grows.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from openclaw.spool import IN_CREATE, IN_MOVED_TO, Inotify
from tests.faults.soak.containers import Containers
from tests.faults.soak.crowd import GROUPS, Books, Crowd, every
from tests.faults.soak.front import Front
from tests.faults.soak.sample import STANDBY, Sample, settled

PATIENCE = 240.0
"""Seconds in which everything is answered once nobody asks any more."""

SETTINGS = {
    # Containers are killed all the time: Main is to come back from that, not to be given up.
    "PERSISTENT_MAX_RESTARTS": "100", "PERSISTENT_STABLE_AFTER": "0", "PERSISTENT_HEALTH_CHECK_INTERVAL": "500",
    "SUBAGENT_STANDBY": str(STANDBY), "DRAIN_TIMEOUT": "60000",
}  # fmt: skip


class Plan(NamedTuple):
    """`seconds` in all, `kill_every` and `restart_every` on average, `work` at most for a message.

    `heavy` of a hundred messages want a container.
    """

    seconds: float
    agents: int
    seed: int
    kill_every: float
    restart_every: float
    work: float
    heavy: int


class Result(NamedTuple):
    samples: list[Sample]
    outcomes: Counter[str]
    """How many messages have ended how."""
    kills: int
    restarts: int
    wrong: list[str]
    """What must not be; empty: all is well."""


class _Outbox:
    """Counts how often each reply has appeared. A thread of its own, until it is closed."""

    def __init__(self, path: Path) -> None:
        self.appeared: Counter[str] = Counter()
        self._inotify = Inotify()
        self._inotify.add_watch(path, IN_CREATE | IN_MOVED_TO)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(0.05):
            self.appeared.update(event.name for event in self._inotify.read() if not event.name.startswith("."))

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self.appeared.update(event.name for event in self._inotify.read() if not event.name.startswith("."))
        self._inotify.close()


class Soak:
    def __init__(self, front: Front, containers: Containers, plan: Plan, say: Callable[[str], None]) -> None:
        self._front = front
        self._containers = containers
        self._plan = plan
        self._say = say
        self._books = Books()
        self._crowd = Crowd(front, self._books, plan.agents, plan.seed, work=plan.work, heavy=plan.heavy)
        self._chance = random.Random(plan.seed)
        self._samples: list[Sample] = []
        self._kills = self._restarts = 0

    def run(self) -> Result:
        for number in range(GROUPS):
            folder = self._front.home / f"groups/g{number}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "group.json").write_text("{}")
        self._front.start()
        with closing(_Outbox(self._front.home / "ipc/outbox")) as outbox:
            try:
                self._halves()
            finally:
                code = self._front.stop()
        if code != 0:
            self._books.wrong(f"the service ended with {code}")
        self._check(outbox.appeared)
        return Result(self._samples, self._books.outcomes(), self._kills, self._restarts, self._books.complaints)

    def _halves(self) -> None:
        plan = self._plan
        self._stretch(plan.seconds * 0.1, restarts=False)
        self._look("warm")
        self._stretch(plan.seconds * 0.4, restarts=True)
        self._look("restarted")
        self._stretch(plan.seconds * 0.1, restarts=False)  # the last of the services warms up, too
        start = self._look("start")
        for when in ("middle", "end"):
            self._stretch(plan.seconds * 0.2, restarts=False)
            self._look(when, start)

    def _stretch(self, seconds: float, *, restarts: bool) -> None:
        """Everybody calls, containers are killed and, with `restarts`, the service."""
        stop = threading.Event()
        self._crowd.begin()
        killer = threading.Thread(
            target=every, args=(self._chance, self._plan.kill_every, stop, self._kill), name="killer", daemon=True
        )
        if not restarts:
            killer.start()
            stop.wait(seconds)
        else:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                stop.wait(min(left, self._chance.uniform(0.5, 1.5) * self._plan.restart_every))
                self._kill()
                self._front.kill()
                self._restarts += 1
                self._front.start()
        stop.set()
        if killer.is_alive():
            killer.join()
        self._crowd.end(PATIENCE)

    def _kill(self) -> None:
        self._kills += self._containers.kill_one(self._chance)

    def _look(self, when: str, earlier: Sample | None = None) -> Sample:
        found = settled(when, self._front, self._containers, earlier)
        self._samples.append(found)
        for grown in found.beyond(earlier or found):
            self._books.wrong(f"more than there was, or than is needed: {grown}")
            self._say(self._containers.names())
        self._say(f"{found} {dict(self._books.outcomes())}")
        return found

    def _check(self, appeared: Mapping[str, int]) -> None:
        """After the end: every reply is there, once, and nothing else is left."""
        for message_id, reply in self._books.owed().items():
            if reply is None or not (self._front.home / f"ipc/outbox/{message_id}.json").exists():
                self._books.wrong(f"{message_id} was acknowledged and is lost")
        for name, times in appeared.items():
            if times > 1:
                self._books.wrong(f"{name} has appeared {times} times")
        if count := self._containers.count():
            self._books.wrong(f"{count} containers are left")
        for name in ("work", "channels", "failed", "callbacks"):
            if left := [path.name for path in (self._front.home / "ipc" / name).iterdir()]:
                self._books.wrong(f"left in ipc/{name}: {left[:5]}")
