"""DockerRuntime: containers of a Docker engine, by its command line program.

Owns at most 8 threads for the calls that change the engine, one to look at the engine's list, and the one that
follows its events. No lock is held over a call to the engine or over a callback.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, Literal, NamedTuple

from openclaw.clock import Clock
from openclaw.containers import docker_run, last_words
from openclaw.containers.cli import Cli
from openclaw.containers.docker_calls import EngineCalls, Rank
from openclaw.containers.docker_events import EngineEvents
from openclaw.containers.docker_removals import Removals
from openclaw.containers.docker_roster import Roster
from openclaw.containers.docker_run import Known, Row
from openclaw.containers.handover import hand_over
from openclaw.containers.health import EngineHealth
from openclaw.containers.runtime import ContainerSpec, Exit, Found
from openclaw.errors import EngineOverdue, EngineUnavailable, NameConflict, RuntimeFailure, StartFailed

log = logging.getLogger(__name__)

MAX_CHANGES: Final = 8
"""Calls that change the engine at once: the fastest, and more have wedged Docker 20.10 for good."""
START_TIMEOUT: Final = 30.0
ABORT_GRACE: Final = 0.5
"""Seconds in which a thread ends whose call was broken off."""
UNPRIVILEGED_UID: Final = 64321
"""The containers' uid where the service runs as root; else it is the service's own."""
LAST_LINES: Final = 50
"""Lines of a container that ended unasked which are read for the log."""
MAX_NAMED: Final = 10
"""Containers that a line of the log names."""

_OVER: Final = ("No such container", "is not running", "already in progress")
"""What the engine says of a container that is over already."""


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
        self._cli = cli
        self._installation = installation
        self._image = image
        self._timeouts = timeouts
        self.container_uid: Final = os.getuid() or UNPRIVILEGED_UID
        self._health = EngineHealth(clock)
        self._changes = EngineCalls("docker-change", MAX_CHANGES)
        self._looks = EngineCalls("docker-look", 1)
        self._roster = Roster(cli, installation, self._ended, self._abandoned, self._image_moved)
        self._removals = Removals(
            self._changes, self._roster.find, self._remove, is_starting=self._roster.is_starting
        )
        self._events = EngineEvents(cli, clock, installation, self._roster.heard, self._connected)
        self._on_exit: Callable[[Exit], None] = _ignore
        self._on_engine_up: Callable[[], None] = _ignore_up
        self._on_image_changed: Callable[[], None] = _ignore_up
        self._lock = threading.Lock()
        # Guarded by _lock: _image_id, _look_waits, _closed; and _asked: for each container that is to end or has ended,
        # until a look does not find it any more, whether somebody here had asked for that.
        self._asked: dict[str, bool] = {}
        self._image_id = ""
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
        self._events.end()
        left = {*self._changes.finish(self._timeouts.close), *self._removals.close()}
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
        self._roster.starting(spec.cid)
        done: Future[None] = Future()
        rank = Rank.MAIN if spec.role == "main" else Rank.START
        self._changes.submit(rank, spec.cid, partial(self._start, spec, done))
        return done

    def kill(self, cid: str) -> Future[None]:
        with self._lock:
            self._asked.setdefault(cid, True)
        done: Future[None] = Future()
        self._changes.submit(Rank.MAIN, cid, partial(self._kill, cid, done))
        return done

    def remove(self, cid: str, *, urgent: bool = False) -> Future[None]:
        with self._lock:
            self._asked.setdefault(cid, True)
        return self._removals.ask(cid, urgent=urgent)

    def list(self) -> Sequence[Found]:
        return [row.found for row in self._roster.take_stock()]

    def config_digest(self, spec: ContainerSpec) -> str:
        return docker_run.config_digest(spec, self._current_image(), self.container_uid)

    def start_delay(self) -> float:
        return self._health.delay()

    def tick(self) -> None:
        with self._lock:
            if self._look_waits or self._closed:
                return
            self._look_waits = True
        self._looks.submit(Rank.START, "", self._look)

    def _start(self, spec: ContainerSpec, done: Future[None]) -> None:
        """On a thread of the changes. The exit is told after `done`, even where it came before the engine returned."""
        if not done.set_running_or_notify_cancel():
            self._roster.not_started(spec.cid)
        else:
            try:
                engine_id = self._started_id(spec)
            except Exception as error:  # whatever it is belongs to the caller
                self._roster.not_started(spec.cid)
                done.set_exception(error)
                self.tick()
            else:
                done.set_result(None)
                self._roster.started(spec.cid, Known(engine_id, spec.name), self._image)
        self._removals.start_returned(spec.cid)

    def _started_id(self, spec: ContainerSpec) -> str:
        """Start `spec`, and keep count of the engine's health."""
        wait = self._health.delay()
        if wait > 0:
            raise EngineUnavailable(f"the engine does not start containers; the next try is in {wait:.1f} s")
        if self._closed:
            raise EngineUnavailable("the service is stopping")
        try:
            engine_id = self._run(spec)
        except EngineOverdue:
            self._health.overdue()
            self._changes.doubt()
            return self._look_up(spec)
        except EngineUnavailable as error:
            if not self._closed:
                self._health.unavailable(str(error))
            raise
        self._health.started()
        self._changes.trust()
        return engine_id

    def _run(self, spec: ContainerSpec) -> str:
        self._hand_over(spec)
        config = self.config_digest(spec)
        args = docker_run.run_args(spec, self._image, self._installation, self.container_uid, config)
        output = self._cli.run(args, self._timeouts.start)
        if docker_run.is_name_taken(output):
            self._clear_name(spec.name)
            output = self._cli.run(args, self._timeouts.start)
        if docker_run.is_name_taken(output):
            raise NameConflict(
                f"another installation has a container named {spec.name}: set CONTAINER_PREFIX to another word"
            )
        if output.code != 0:
            self._forget_image()  # it may be the one that has changed
            raise docker_run.failure(output, self._image)
        return output.stdout.split()[-1]

    def _hand_over(self, spec: ContainerSpec) -> None:
        if os.getuid() == self.container_uid:
            return
        for folder in (spec.group_dir, *(mount.source for mount in spec.mounts if mount.ours)):
            try:
                hand_over(folder, self.container_uid)
            except OSError as error:
                raise StartFailed(f"{folder} cannot be handed over to the container: {error.strerror}") from error

    def _clear_name(self, name: str) -> None:
        """Remove our own leftover of that name, where it is not gone already; somebody else's is left alone."""
        for row in self._roster.look():
            if row.found.name == name:
                self._remove(row.found.cid, row.known)

    def _look_up(self, spec: ContainerSpec) -> str:
        """The engine was overdue with this start: the id where it runs after all, else EngineOverdue."""
        try:
            for row in self._roster.look():
                if row.found.cid == spec.cid and row.found.running:
                    return row.engine_id
        except RuntimeFailure as error:
            log.warning("The engine does not tell whether %s has started: %s", spec.name, error)
        raise EngineOverdue(f"the engine has not started {spec.name} within {self._timeouts.start:g} s")

    def _kill(self, cid: str, done: Future[None]) -> None:
        """On a thread of the changes. By the engine's id: the next container of that name is not touched."""
        if not done.set_running_or_notify_cancel():
            return
        try:
            known = self._roster.find(cid)
            if known is not None:
                self._end("kill", known.engine_id)
        except Exception as error:  # whatever it is belongs to the caller
            done.set_exception(error)
        else:
            done.set_result(None)

    def _remove(self, cid: str, known: Known) -> None:
        """Blocks; raises RuntimeFailure."""
        with self._lock:
            unasked = self._asked.get(cid) is False
        if unasked:
            self._tell_last_words(known)
            with self._lock:
                self._asked[cid] = True  # it is told once
        self._end("rm", "--force", "--volumes", known.engine_id)

    def _tell_last_words(self, known: Known) -> None:
        try:
            output = self._cli.run(["logs", f"--tail={LAST_LINES}", known.engine_id])
        except RuntimeFailure as error:
            log.warning("What %s wrote last cannot be read: %s", known.name, error)
            return
        if output.code == 0:
            last_words.tell(known.name, f"{output.stdout}\n{output.stderr}")

    def _end(self, *args: str) -> None:
        try:
            output = self._cli.run(args, self._timeouts.end)
        except EngineOverdue:
            self._changes.doubt()
            raise
        self._changes.trust()
        if output.code != 0 and not any(text in output.stderr for text in _OVER):
            raise RuntimeFailure(f"the engine does not end container {args[-1][:12]}: {output.stderr[:500]}")

    def _abandoned(self, cid: str, known: Known) -> None:
        if not self._closed:
            self._removals.found(cid, known)

    def _look(self) -> None:
        """The job of a tick."""
        with self._lock:
            self._look_waits = False
        try:
            self._looked(self._roster.look())
        except RuntimeFailure as error:
            if not self._closed:
                log.warning("The engine's list cannot be read: %s", error)
        except Exception:  # the top of the job
            log.exception("the engine's list cannot be read")

    def _looked(self, rows: Sequence[Row]) -> None:
        """What follows from a look beside what the roster makes of it."""
        listed = {row.found.cid for row in rows}
        with self._lock:
            self._asked = {cid: asked for cid, asked in self._asked.items() if cid in listed}
        self._removals.again()
        if all(row.image != self._image for row in rows):
            self._forget_image()  # nothing is there that would tell that the name has moved

    def _image_moved(self) -> None:
        """The image's name means another one than before: `make image` while the service runs."""
        self._forget_image()
        if not self._closed:
            log.info("The image %s is another one than before", self._image)
            self._on_image_changed()

    def _forget_image(self) -> None:
        """Ask for the image's id again when it is needed."""
        with self._lock:
            self._image_id = ""

    def _connected(self, again: bool) -> None:
        self._looked(self._roster.look())
        self._forget_image()
        if again and not self._closed:
            log.info("The engine answers again")
            self._health.reached()
            self._on_engine_up()

    def _ended(self, exit_: Exit) -> None:
        if self._closed:
            return
        with self._lock:
            self._asked.setdefault(exit_.cid, False)
        self._on_exit(exit_)

    def _current_image(self) -> str:
        """The image's id: asked for once, and again where the name may mean another one by now."""
        with self._lock:
            image_id = self._image_id
        if image_id:
            return image_id
        output = self._cli.run(["image", "inspect", "--format={{.Id}}", self._image])
        if output.code != 0:
            raise docker_run.failure(output, self._image)
        with self._lock:
            self._image_id = output.stdout
        return output.stdout


def _ignore(_: Exit) -> None:
    """Until somebody listens."""


def _ignore_up() -> None:
    """Until somebody listens."""
