"""Starts: what it takes until the engine says that a container runs, or that it does not.

The steps run on the threads of the changes, Main's before all others. How the engine takes them is what its health is
judged by; one that is overdue may have started the container all the same, so the list is asked. Nothing is repeated
but for a name that a leftover of ours holds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from openclaw.containers import docker_run
from openclaw.containers.cli import Cli
from openclaw.containers.docker_calls import EngineCalls, NoThread, Rank
from openclaw.containers.docker_image import DockerImage
from openclaw.containers.docker_roster import Roster
from openclaw.containers.docker_run import Known
from openclaw.containers.handover import hand_over
from openclaw.containers.health import EngineHealth
from openclaw.containers.runtime import ContainerSpec
from openclaw.errors import EngineOverdue, EngineUnavailable, ImageMissing, NameConflict, RuntimeFailure, StartFailed

log = logging.getLogger(__name__)


class Starts:
    """Starts containers of `image`, labelled with `installation`, whose processes have the uid `uid`.

    `remove` removes one and blocks; `failed` hears of each start that has failed, so that one looks for what it left;
    `returned` is told each one's cid, however it went.
    """

    def __init__(
        self,
        cli: Cli,
        changes: EngineCalls,
        roster: Roster,
        health: EngineHealth,
        image: DockerImage,
        *,
        installation: str,
        uid: int,
        timeout: float,
        remove: Callable[[str, Known], None],
        failed: Callable[[], None],
        returned: Callable[[str], None],
    ) -> None:
        self._cli = cli
        self._changes = changes
        self._roster = roster
        self._health = health
        self._image = image
        self._installation = installation
        self._timeout = timeout
        self._remove = remove
        self._failed = failed
        self._returned = returned
        self._uid = uid
        self._closed = False

    def start(self, spec: ContainerSpec) -> Future[None]:
        """Start `spec` as soon as its rank allows."""
        self._roster.starting(spec.cid)
        done: Future[None] = Future()
        rank = Rank.MAIN if spec.role == "main" else Rank.START
        try:
            self._changes.submit(rank, spec.cid, partial(self._start, spec, done))
        except NoThread as error:
            self._roster.not_started(spec.cid)
            done.set_exception(StartFailed(f"{spec.name} cannot be started: {error}"))
        return done

    def config_digest(self, spec: ContainerSpec) -> str:
        """What tells whether a running container is as `spec` would be now. Blocks; raises RuntimeFailure."""
        return docker_run.config_digest(spec, self._image.id(), self._uid)

    def close(self) -> None:
        """Starts that wait fail, and no failure is the engine's fault any more."""
        self._closed = True

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
                if isinstance(error, ImageMissing):
                    self._image.lost(error)  # now, so that nobody is told of its coming before he knows that it is gone
                self._failed()
            else:
                done.set_result(None)
                self._roster.started(spec.cid, Known(engine_id, spec.name), self._image.name)
        self._returned(spec.cid)

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
        args = docker_run.run_args(spec, self._image.name, self._installation, self._uid, config)
        output = self._cli.run(args, self._timeout)
        if docker_run.is_name_taken(output):
            self._clear_name(spec.name)
            output = self._cli.run(args, self._timeout)
        if docker_run.is_name_taken(output):
            raise NameConflict(
                f"another installation has a container named {spec.name}: set CONTAINER_PREFIX to another word"
            )
        if output.code != 0:
            self._image.forget()  # it may be the one that has changed
            raise docker_run.failure(output, self._image.name)
        return output.stdout.split()[-1]

    def _hand_over(self, spec: ContainerSpec) -> None:
        if os.getuid() == self._uid:
            return
        for folder in (spec.group_dir, *(mount.source for mount in spec.mounts if mount.ours)):
            try:
                hand_over(folder, self._uid)
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
        raise EngineOverdue(f"the engine has not started {spec.name} within {self._timeout:g} s")
