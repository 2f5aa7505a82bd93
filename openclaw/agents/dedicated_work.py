"""DedicatedWork: turns that get a single-use container each, from the line to the answer.

A turn waits for a slot, its request is laid into a new channel, a container is started on it, and both are removed when
it has answered, ended or run out of time. A subagent's turn is given to a container that stands by, where there is one.
While the engine does not answer nothing is lost: the turn waits, and one start at a time finds out whether it is back.

Belongs to the dedicated agents' thread, which calls everything here; it never blocks on the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.agents.ending import cause_in_dedicated
from openclaw.agents.engine_probe import EngineProbe
from openclaw.agents.job import Job
from openclaw.agents.jobs import Jobs
from openclaw.agents.slots import Slots
from openclaw.agents.specs import MAIN, Specs, new_cid
from openclaw.agents.standby import Standby
from openclaw.agents.turn import Answer, Outcome, Turn, TurnListener, group_title
from openclaw.agents.waiting_line import WaitingLine
from openclaw.errors import EngineOverdue, EngineUnavailable, ImageMissing, OpenClawError

if TYPE_CHECKING:
    from openclaw.agents.settings_guard import Watch
    from openclaw.clock import Alarms, Clock
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.event_tail import Event
    from openclaw.containers.runtime import Exit, Runtime
    from openclaw.message import Frame

log = logging.getLogger(__name__)

_WARM = "warm"
"""The id of the ping by which a standby container is asked whether it is ready."""

START_PATIENCE = 0.5
"""Seconds in which the engine may say what came of a start before whoever asked for it is told that it was made."""


class DedicatedStatus(NamedTuple):
    """What `status` shows."""

    running: int
    waiting: int
    subagents_waiting: int
    standby: int
    engine_down: bool


class DedicatedWork:
    """Serves any group's turns. `post` has the thread call a function; see DedicatedAgents for the rest."""

    def __init__(
        self,
        *,
        config: Config,
        runtime: Runtime,
        channels: Channels,
        specs: Specs,
        clock: Clock,
        alarms: Alarms,
        watch: Watch,
        post: Callable[..., None],
        listener: TurnListener,
    ) -> None:
        self._limit = config.subagent_timeout
        self._channels = channels
        self._specs = specs
        self._clock = clock
        self._post = post
        self._listener = listener

        def later(delay: float, act: Callable[[], None]) -> object:
            return alarms.call_later(delay, partial(post, act))

        self._later = later
        self._line = WaitingLine(Slots(config.max_concurrent_containers, config.max_subagents))
        self._jobs = Jobs(self, runtime=runtime, alarms=alarms, watch=watch, listener=listener, post=post)
        self.standby = Standby(
            config.subagent_standby,
            spec=lambda: specs.standby(""),
            launch=self._launch_standby,
            remove=self._remove,
            later=later,
        )
        self._engine = EngineProbe(later=later, start_delay=runtime.start_delay, attempt=self._attempt)
        self._drained: Future[None] | None = None
        # What the event is about that is being handled: it is given up where that fails.
        self._turn_in_hand: Turn | None = None
        self._job_in_hand: Job | None = None

    def status(self) -> DedicatedStatus:
        busy = sum(job.turn is not None for job in self._jobs)
        return DedicatedStatus(busy, *self._line.lengths(), len(self.standby), self._engine.down)

    def handle(self, act: Callable[..., None], args: tuple[Any, ...]) -> None:
        """An event."""
        self._turn_in_hand = self._job_in_hand = None
        act(*args)

    def give_up(self) -> None:
        """An event could not be handled: the turn that it was about fails, its container goes, and the others go on."""
        turn = self._turn_in_hand
        try:
            self._remove_in_hand()
        finally:  # whatever that runs into
            if turn is not None:
                self._post(self._fill)
                self._line.take(turn.id)
                self._listener.ended(turn, Answer.bug())

    def _remove_in_hand(self) -> None:
        job = self._job_in_hand
        if job is not None and job in self._jobs and not job.over:
            if job.turn is None:
                self.standby.lost(job)
            job.attachment.open.clear()
            self._remove(job)
        for stray in self._jobs:
            if stray.turn is None and not stray.over and not self.standby.has(stray):  # on its way to or from there
                self._remove(stray)

    # Whose turn it is

    def submit(self, turn: Turn) -> None:
        self._turn_in_hand = turn
        if turn.cancelled:
            self._listener.ended(turn, Answer.cancelled())
            return
        self._line.push(turn)
        self._fill()
        if turn.placed is None:
            return
        place = self._line.place(turn)
        job = self._jobs.of_turn(turn.id)
        if place or job is None or (job.started is not None and job.started.done()):
            turn.is_placed(place)
        else:  # an engine that is away says so at once, and then the turn waits in line again
            self._later(START_PATIENCE, lambda: turn.is_placed(self._line.place(turn)))

    def _fill(self) -> None:
        """Start what there is a slot for, people's turns first."""
        while not self._engine.down and self._drained is None:
            turn = self._line.next()
            if turn is None:
                return
            self._run(turn)
        self._engine.wanted()

    def _attempt(self) -> None:
        """Let one start through: where it returns well the others follow."""
        turn = self._line.next() if self._drained is None else None
        if turn is not None:
            self._run(turn)

    def engine_answers(self) -> None:
        self._jobs.engine_answers()
        if self._engine.back():
            self.standby.engine_up()
            self._fill()

    # A turn gets its container

    def _run(self, turn: Turn) -> None:
        self._turn_in_hand = turn
        if turn.parent:
            log.info("Spawning dedicated container for task... [%s]", turn.id)
            turn.route = "subagent"
            warm = None if turn.task.get("paths") else self.standby.take()
        else:
            log.info("Starting container for %s [%s]", group_title(turn.message.group), turn.id)
            turn.route = "dedicated"
            warm = None
        turn.sends += 1
        self._job_in_hand = warm
        try:
            job = warm if warm is not None else self._open(new_cid(), turn)
            turn.places = job.spec.places if job.spec is not None else ()
            self._jobs.will_serve(job)
            self._give(job, turn)
            job.attachment.ask(turn, self._limit)
        except (OpenClawError, OSError) as error:
            self._take_back(turn)
            turn.is_refused(error)
            self._listener.ended(turn, Answer.failed(str(error)))
        else:
            self._jobs.limit(job, self._limit)
            if warm is None:
                self._jobs.start(job)
        if turn.parent:
            self.standby.refill()

    def _give(self, job: Job, turn: Turn) -> None:
        """The container is this turn's; its slot is given back when the job is let go of."""
        job.turn = turn
        self._line.slots.take(subagent=job.serves_subagent)

    def _take_back(self, turn: Turn) -> None:
        """The turn's request could not be sent: what was made for it goes."""
        job = self._job_in_hand
        if job is None:
            return
        turn.attachment = None
        job.attachment.settle(turn.id)
        if job.started is not None:  # it stood by
            self._remove(job)
        else:
            self._let_go(job)

    def _open(self, cid: str, turn: Turn | None) -> Job:
        """A job with its channel; its container is not started yet. Raises RuntimeFailure, MountRefused."""
        if turn is None:
            spec = self._specs.standby(cid)
        elif turn.parent:
            spec = self._specs.subagent(cid, turn.id, turn.task.get("paths", []))
        else:
            spec = self._specs.dedicated(cid, turn.message.group, turn.id)
        job = self._job_in_hand = self._jobs.add(self._channels.create(cid, spec.group), spec.name, spec)
        self._jobs.listen(job)
        return job

    def _launch_standby(self) -> Job | None:
        if self._engine.down or self._drained is not None:
            return None
        cid = new_cid()
        try:
            job = self._open(cid, None)
            job.attachment.channel.send("ping", _WARM, {})
        except (OpenClawError, OSError) as error:
            log.warning("No standby container can be made: %s", error)
            begun = self._jobs.find(cid)
            if begun is not None:
                self._let_go(begun)
            return None
        self._jobs.start(job)
        return job

    def adopt(self, channel: Channel, name: str, turn: Turn) -> None:
        log.info("Took over the container %s with message %s in flight", name, turn.id)
        self._turn_in_hand = turn
        turn.route = "subagent" if turn.parent else "dedicated"
        job = self._job_in_hand = self._jobs.add(channel, name)
        self._give(job, turn)
        self._jobs.listen(job)
        job.attachment.adopt(turn)
        self._jobs.limit(job, self._limit)

    def start_returned(self, cid: str, error: BaseException | None) -> None:
        job = self._take_job(cid)
        if error is None:
            self._jobs.runs(cid)
            if job is not None and job.turn is not None:
                job.turn.is_placed(0)
            self.engine_answers()
        elif job is None:
            return
        elif isinstance(error, EngineUnavailable | EngineOverdue | ImageMissing):
            self._put_back(job)
            self._engine.lost(told=isinstance(error, ImageMissing))
        elif job.turn is None:
            log.warning("A standby container could not be started: %s", error)
            self.standby.lost(job)
            self._let_go(job)
        else:
            self._finish(job, Answer.failed(str(error)))

    def _put_back(self, job: Job) -> None:
        """The engine did not take the start: the turn goes back to its place in the line.

        The runtime removes what such a start may still bring up.
        """
        turn = job.turn
        if turn is None:
            self.standby.lost(job)
        elif turn.id in job.attachment.open:
            turn.sends -= 1
            turn.attachment = None
            self._line.push(turn)
            turn.is_placed(self._line.place(turn))
            del job.attachment.open[turn.id]
            job.attachment.settle(turn.id)
        self._let_go(job, perhaps_started=True)

    # What a container does

    def _take_job(self, cid: str) -> Job | None:
        """Take in hand the job of a container about which something is told; None where it is over."""
        job = self._jobs.find(cid)
        if job is not None:
            self._job_in_hand, self._turn_in_hand = job, job.turn
        return job

    def frame(self, cid: str, frame: Frame) -> None:
        job = self._take_job(cid)
        if job is None:
            return
        if frame.kind == "pong":
            self.standby.warmed(job)
        elif frame.kind == "started":
            job.attachment.started(frame.id, self._clock.monotonic())
        elif frame.kind == "call":
            job.attachment.called(frame)
        elif frame.kind == "response" and (ended := job.attachment.ended(frame)) is not None:
            self._listener.ended(*ended)
            self._remove(job)

    def happened(self, cid: str, turn_id: str, events: list[Event]) -> None:
        job = self._take_job(cid)
        if job is not None:
            job.attachment.happened(turn_id, events)

    def exited(self, gone: Exit) -> None:
        job = self._take_job(gone.cid)
        if job is None:
            return
        how = "it is gone" if gone.code is None else f"exit {gone.code}"
        group = MAIN if job.turn is None else job.turn.message.group
        cause = cause_in_dedicated(gone, group, None if job.spec is None else job.spec.memory_mb)
        ended = f"{how}, {cause}" if cause else how
        if job.turn is None:
            log.warning("A standby container ended (%s)", ended)
            self.standby.lost(job)
        for turn, outcome in job.attachment.lose(f"the container ended ({ended})", self._clock.monotonic()):
            self._listener.ended(turn, outcome)
        self._remove(job)

    def violation(self, cid: str, text: str) -> None:
        job = self._take_job(cid)
        if job is not None:
            log.error("The container %s broke the protocol and is removed: %s", job.name, text)
            if job.turn is None:
                self.standby.lost(job)
            self._finish(job, Answer.failed(f"the agent's container broke the protocol: {text}"))

    def overdue(self, cid: str) -> None:
        job = self._take_job(cid)
        if job is not None:
            log.warning("The container %s took longer than %.0f s and is removed", job.name, self._limit)
            self._finish(job, Answer.failed(f"timed out after {self._limit:.0f} s (SUBAGENT_TIMEOUT)"))

    def cancel(self, turn_id: str) -> None:
        """A container serves one turn: to cancel that is to remove the container."""
        turn = self._line.take(turn_id)
        if turn is not None:
            self._turn_in_hand = turn
            turn.is_placed(0)
            self._listener.ended(turn, Answer.cancelled())
            return
        job = self._jobs.of_turn(turn_id)
        if job is not None:
            self._take_job(job.cid)
            self._finish(job, Answer.cancelled())

    # The end of a container

    def _finish(self, job: Job, outcome: Outcome) -> None:
        """End the job's turn from here, and with it the container."""
        for turn in list(job.attachment.open.values()):
            self._listener.ended(turn, outcome)
        job.attachment.open.clear()
        self._remove(job)

    def _remove(self, job: Job) -> None:
        """The container has served; its slot is free when it is gone."""
        self._jobs.remove(job)
        self._drain_step()

    def gone(self, job: Job) -> None:
        self._let_go(job)
        self._fill()

    def _let_go(self, job: Job, *, perhaps_started: bool = False) -> None:
        self._jobs.let_go(job, perhaps_started=perhaps_started)
        if job.turn is not None:
            self._line.slots.give_back(subagent=job.serves_subagent)
        self._drain_step()

    # The end of the service

    def drain(self, drained: Future[None]) -> None:
        self._drained = drained
        self.standby.close()
        self._drain_step()

    def _drain_step(self) -> None:
        """What is over is only to be removed, which is the runtime's to see to."""
        if self._drained is not None and not self._drained.done() and self._jobs.are_over():
            self._drained.set_result(None)

    def close(self) -> None:
        self._drained = self._drained or Future()  # nothing more is started
        for job in self._jobs:
            if not job.over:
                self._remove(job)
