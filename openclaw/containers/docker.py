"""DockerRuntime: containers of a Docker engine, by its command line program.

Puts the parts together and looks at the engine's list, at each tick and whenever the events are followed anew. Owns at
most 8 threads for the calls that change the engine, one for the looks, and the one that follows its events. No lock is
held over a call to the engine or over a callback.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Literal, NamedTuple

from openclaw.clock import Clock
from openclaw.containers.cli import Cli
from openclaw.containers.docker_calls import EngineCalls, NoThread, Rank
from openclaw.containers.docker_deaths import Deaths
from openclaw.containers.docker_ends import Ends
from openclaw.containers.docker_events import EngineEvents
from openclaw.containers.docker_image import DockerImage
from openclaw.containers.docker_roster import Roster
from openclaw.containers.docker_run import Known, Row
from openclaw.containers.docker_starts import Starts
from openclaw.containers.health import EngineHealth
from openclaw.containers.runtime import ContainerSpec, Exit, Found
from openclaw.errors import RuntimeFailure

log = logging.getLogger(__name__)

MAX_CHANGES: Final = 8
"""Calls that change the engine at once: the fastest, and more have wedged Docker 20.10 for good."""
START_TIMEOUT: Final = 30.0
ABORT_GRACE: Final = 0.5
"""Seconds in which a thread ends whose call was broken off."""
UNPRIVILEGED_UID: Final = 64321
"""The containers' uid where the service runs as root; else it is the service's own."""
MAX_NAMED: Final = 10
"""Containers that a line of the log names."""


class Timeouts(NamedTuple):
    """Seconds for one start, for one kill or removal, and until all that was asked for is broken off by `close`."""

    start: float = START_TIMEOUT
    end: float = 30.0
    close: float = 10.0
    """100 containers take 3 to 5 s. An engine that is slow but returns from calls is given as long once more."""


class DockerRuntime:
    """The Runtime on a Docker engine. `installation` labels and finds what is ours; `image` is a name.

    `cli` is its own: `close` breaks off what is still called by it.
    """

    kind: Final[Literal["docker"]] = "docker"

    def __init__(
        self,
        cli: Cli,
        clock: Clock,
        installation: str,
        image: str,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - it is immutable
    ) -> None:
        self.container_uid: Final = os.getuid() or UNPRIVILEGED_UID
        self._cli = cli
        self._timeouts = timeouts
        self._health = EngineHealth(clock)
        self._image = DockerImage(cli, image)
        self._changes = EngineCalls("docker-change", MAX_CHANGES)
        self._looks = EngineCalls("docker-look", 1)
        self._roster = Roster(cli, installation, self._ended, self._abandoned, self._image_moved)
        self._ends = Ends(cli, self._changes, self._roster, timeouts.end)
        self._starts = Starts(
            cli, self._changes, self._roster, self._health, self._image,
            installation=installation, uid=self.container_uid, timeout=timeouts.start,
            remove=self._ends.remove_now, failed=self.look_soon,
            returned=self._ends.removals.start_returned,
        )  # fmt: skip
        self._deaths = Deaths(cli, self._looks, self._roster, self._tell)
        self._events = EngineEvents(cli, clock, installation, self._roster.heard, self._connected)
        self._on_exit: Callable[[Exit], None] = _ignore
        self._on_engine_up: Callable[[], None] = _ignore_up
        self._on_image_changed: Callable[[], None] = _ignore_up
        self._lock = threading.Lock()
        # Guarded by _lock: both.
        self._look_waits = False
        self._closed = False

    def open(
        self,
        on_exit: Callable[[Exit], None],
        on_engine_up: Callable[[], None],
        on_image_changed: Callable[[], None],
    ) -> None:
        self._on_exit, self._on_engine_up, self._on_image_changed = on_exit, on_engine_up, on_image_changed
        self._events.start()

    def close(self) -> None:
        """Carry out the removals that were asked for, as far as the engine does so in time; starts that wait fail.

        Takes no longer than `Timeouts.close` where the engine hangs, twice as long where it is slow, and two seconds.
        What is left behind is named in the log; its labels tell the next process that it is there.
        """
        with self._lock:
            self._closed = True
        self._starts.close()
        self._events.end()
        left = {*self._changes.finish(self._timeouts.close), *self._ends.removals.close()}
        self._cli.abort()
        self._changes.close(ABORT_GRACE)
        self._looks.close(ABORT_GRACE)
        self._events.join(ABORT_GRACE)
        if left:
            log.warning(
                "The engine has not removed %d containers (%s); the next start of the service does",
                len(left), ", ".join(sorted(left)[:MAX_NAMED]),
            )  # fmt: skip

    def start(self, spec: ContainerSpec) -> Future[None]:
        return self._starts.start(spec)

    def kill(self, cid: str) -> Future[None]:
        return self._ends.kill(cid)

    def remove(self, cid: str, *, urgent: bool = False) -> Future[None]:
        return self._ends.remove(cid, urgent=urgent)

    def list(self) -> Sequence[Found]:
        return [row.found for row in self._roster.take_stock()]

    def config_digest(self, spec: ContainerSpec) -> str:
        return self._starts.config_digest(spec)

    def start_delay(self) -> float:
        return self._health.delay()

    def place(self, name: str) -> dict[str, str]:
        return {}

    def problem(self) -> str:
        return self._image.problem

    # Looks

    def look_soon(self) -> None:
        """Look on the thread that is there for it, once for all who ask before it begins."""
        with self._lock:
            if self._look_waits or self._closed:
                return
            self._look_waits = True
        try:
            self._looks.submit(Rank.START, "", self._look_now)
        except NoThread as error:
            with self._lock:
                self._look_waits = False
            log.error("The engine's list is not looked at: %s", error)

    def _look_now(self) -> None:
        with self._lock:
            self._look_waits = False
        self.look()

    def look(self) -> None:
        try:
            self._looked(self._roster.look())
        except RuntimeFailure as error:
            if not self._closed:
                log.warning("What the engine has cannot be looked at: %s", error)

    def _connected(self, again: bool) -> None:
        """The events are followed, on whose thread this is. Raises RuntimeFailure."""
        self._looked(self._roster.look())
        self._image.forget()
        if again and not self._closed:
            log.info("The engine answers again")
            self._health.reached()
            self._on_engine_up()

    def _looked(self, rows: Sequence[Row]) -> None:
        """What follows from a look, beside what the roster makes of it."""
        self._ends.looked({row.found.cid for row in rows})
        if all(row.image != self._image.name for row in rows):
            self._image.forget()  # nothing is there that would tell that the name has moved
        if self._image.found() and not self._closed:
            self._on_engine_up()

    # What the roster tells

    def _ended(self, exit_: Exit) -> None:
        if not self._closed:
            self._deaths.ended(exit_, unasked=self._ends.ended(exit_.cid))

    def _tell(self, exit_: Exit) -> None:
        if not self._closed:
            self._on_exit(exit_)

    def _abandoned(self, cid: str, known: Known) -> None:
        if not self._closed:
            self._ends.removals.found(cid, known)

    def _image_moved(self) -> None:
        """The image's name means another one than before: `make image` while the service runs."""
        self._image.forget()
        if not self._closed:
            log.info("The image %s is another one than before", self._image.name)
            self._on_image_changed()


def _ignore(_: Exit) -> None:
    """Until somebody listens."""


def _ignore_up() -> None:
    """Until somebody listens."""
