"""DedicatedAgents: one single-use container for each turn, as many at once as the configuration allows.

A turn waits for a slot, its request is laid into a new channel, a container is started on it, and both are removed when
it has answered, ended or run out of time. A subagent's turn is given to a container that stands by, where there is one.
While the engine does not answer nothing is lost: the turn waits, and one start at a time finds out whether it is back.

One thread, "dedicated", owns all of it; engine calls, frames and timers post events to it. It never blocks on them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.agents.attachment import Attachment
from openclaw.agents.fair_queue import FairQueue
from openclaw.agents.job import Job
from openclaw.agents.mailbox import Mailbox
from openclaw.agents.slots import Slots
from openclaw.agents.specs import Specs, new_cid
from openclaw.agents.standby import Standby
from openclaw.agents.turn import Answer, Outcome, Turn, TurnListener, group_title
from openclaw.errors import EngineOverdue, EngineUnavailable, OpenClawError

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock, Timer
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.event_tail import Event
    from openclaw.containers.runtime import ContainerSpec, Exit, Runtime
    from openclaw.message import Frame

log = logging.getLogger(__name__)

ENGINE_RETRY = 0.5
"""Least seconds between two starts while the engine does not answer; the runtime may ask for more."""

_WARM = "warm"
"""The id of the ping by which a standby container is asked whether it is ready."""


class DedicatedStatus(NamedTuple):
    """What `status` shows; replaced as a whole by the owner, read by anybody."""

    running: int
    waiting: int
    subagents_waiting: int
    standby: int
    engine_down: bool


class DedicatedAgents:
    """Serves any group's turns. `submit` takes one; `listener` is told what becomes of it."""

    def __init__(
        self,
        *,
        config: Config,
        runtime: Runtime,
        channels: Channels,
        specs: Specs,
        clock: Clock,
        alarms: Alarms,
        listener: TurnListener,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._channels = channels
        self._specs = specs
        self._clock = clock
        self._alarms = alarms
        self._listener = listener
        # Every turn in flight posts at most its submission, start, frames, exit, removal, cancellation and limit.
        self._mailbox: Mailbox[tuple[Callable[..., None], tuple[Any, ...]]] = Mailbox(
            "dedicated", self._handle, self._recover, 8 * config.queue_limit + 1000
        )
        # From here on owned by the mailbox's thread.
        self._jobs: dict[str, Job] = {}  # by cid
        self._people = FairQueue()
        self._subagents = FairQueue()
        self._slots = Slots(config.max_concurrent_containers, config.max_subagents)
        self._standby = Standby(
            config.subagent_standby,
            spec=lambda: specs.standby(""),
            launch=self._launch_standby,
            remove=self._remove,
            later=lambda delay, act: alarms.call_later(delay, partial(self._post, act)),
        )
        self._engine_down = False
        self._probe_timer: Timer | None = None
        self._drained: Future[None] | None = None
        # What the event is about that is being handled: it is given up where that fails.
        self._turn_in_hand: Turn | None = None
        self._job_in_hand: Job | None = None
        self.status = DedicatedStatus(0, 0, 0, 0, engine_down=False)

    # Called from any thread.

    def start(self) -> None:
        self._mailbox.start()

    def keep_standby(self) -> None:
        """Begin to keep containers warm for subagents; once is enough."""
        self._post(self._standby.open)

    def submit(self, turn: Turn) -> None:
        """Take a turn; it runs as soon as a slot is free."""
        self._post(self._submit, turn)

    def adopt(self, channel: Channel, name: str, turn: Turn) -> None:
        """Take over a container that outlived the last process and works on `turn`."""
        self._post(self._adopt, channel, name, turn)

    def cancel(self, turn_id: str) -> None:
        """Cancel a turn that waits or runs here; one that does not is let be."""
        self._post(self._cancel, turn_id)

    def exited(self, gone: Exit) -> None:
        """The runtime saw a container end; one that is not ours is let be."""
        self._post(self._exited, gone)

    def engine_up(self) -> None:
        """An engine that was gone answers again."""
        self._post(self._engine_answers)

    def image_changed(self) -> None:
        """The image is another one than before."""
        self._post(self._standby.refresh)

    def drain(self) -> Future[None]:
        """Start no more containers; the future is done when no turn runs."""
        drained: Future[None] = Future()
        self._post(self._drain, drained)
        return drained

    def close(self) -> None:
        """End the thread and remove the containers; turns that ran stay in work/ for the next start."""
        self._post(self._close)
        self._mailbox.close()

    # Everything below runs on the mailbox's thread.

    def _post(self, act: Callable[..., None], *args: Any) -> None:
        self._mailbox.post((act, args))

    def _handle(self, event: tuple[Callable[..., None], tuple[Any, ...]]) -> None:
        self._turn_in_hand = self._job_in_hand = None
        act, args = event
        act(*args)
        self._tell_status()

    def _recover(self) -> None:
        """An event could not be handled: the turn that it was about fails, its container goes, and the others go on."""
        turn, job = self._turn_in_hand, self._job_in_hand
        if job is not None and job.cid in self._jobs and not job.over:
            if job.turn is None:
                self._standby.lost(job)
            job.attachment.open.clear()
            self._remove(job)
        for stray in [job for job in self._jobs.values() if job.turn is None and not job.over]:
            if not self._standby.has(stray):  # it was on its way to or from there
                self._remove(stray)
        if turn is not None:
            self._post(self._fill)
            self._people.take(turn.id)
            self._subagents.take(turn.id)
            self._listener.ended(turn, Answer.bug())
        self._tell_status()

    def _tell_status(self) -> None:
        busy = sum(job.turn is not None for job in self._jobs.values())
        waiting = len(self._people), len(self._subagents)
        self.status = DedicatedStatus(busy, *waiting, len(self._standby), self._engine_down)

    # Whose turn it is

    def _submit(self, turn: Turn) -> None:
        self._turn_in_hand = turn
        if turn.cancelled:
            self._listener.ended(turn, Answer.cancelled())
            return
        queue = self._queue_of(turn)
        queue.push(turn)
        self._fill()
        if turn.placed is not None:
            turn.is_placed(queue.place(turn))

    def _queue_of(self, turn: Turn) -> FairQueue:
        return self._subagents if turn.parent else self._people

    def _fill(self) -> None:
        """Start what there is a slot for, people's turns first."""
        while not self._engine_down and self._drained is None:
            turn = self._next()
            if turn is None:
                return
            self._run(turn)
        if self._engine_down:
            self._probe_later()

    def _next(self) -> Turn | None:
        if self._people and self._slots.free(subagent=False):
            return self._people.pop()
        if self._subagents and self._slots.free(subagent=True):
            return self._subagents.pop()
        return None

    def _run(self, turn: Turn) -> None:
        self._turn_in_hand = turn
        if turn.parent:
            log.info("Spawning dedicated container for task...")
            turn.route = "subagent"
            warm = None if turn.task.get("paths") else self._standby.take()
        else:
            log.info("Starting container for %s", group_title(turn.message.group))
            turn.route = "dedicated"
            warm = None
        turn.sends += 1
        self._job_in_hand = warm
        try:
            job = warm if warm is not None else self._open(new_cid(), turn)
            job.turn = turn
            self._slots.take(subagent=job.serves_subagent)  # and `_let_go` of the job gives it back
            job.attachment.ask(turn, self._config.subagent_timeout)
        except (OpenClawError, OSError) as error:
            self._give_up(turn)
            self._listener.ended(turn, Answer.failed(str(error)))
        else:
            self._set_limit(job)
            if warm is None:
                self._start(job)
        if turn.parent:
            self._standby.refill()

    # A container's life

    def _open(self, cid: str, turn: Turn | None) -> Job:
        """A job with its channel; its container is not started yet. Raises RuntimeFailure, MountRefused."""
        if turn is None:
            spec = self._specs.standby(cid)
        elif turn.parent:
            spec = self._specs.subagent(cid, turn.id, turn.task.get("paths", []))
        else:
            spec = self._specs.dedicated(cid, turn.message.group, turn.id)
        return self._attend(self._channels.create(cid, spec.group), spec.name, spec)

    def _attend(self, channel: Channel, name: str, spec: ContainerSpec | None = None) -> Job:
        """Have what happens in the container of `channel` told to this thread."""
        cid = channel.cid
        job = self._jobs[cid] = self._job_in_hand = Job(name, Attachment(channel, self._listener), spec=spec)
        channel.listen(
            lambda frame: self._post(self._frame, cid, frame),
            lambda turn_id, events: self._post(self._happened, cid, turn_id, events),
            lambda text: self._post(self._violation, cid, text),
        )
        return job

    def _start(self, job: Job) -> None:
        assert job.spec is not None
        job.started = self._runtime.start(job.spec)
        job.started.add_done_callback(lambda future: self._post(self._start_returned, job.cid, _error(future)))

    def _launch_standby(self) -> Job | None:
        if self._engine_down or self._drained is not None:
            return None
        cid = new_cid()
        try:
            job = self._open(cid, None)
            job.attachment.channel.send("ping", _WARM, {})
        except (OpenClawError, OSError) as error:
            log.warning("No standby container can be made: %s", error)
            if cid in self._jobs:
                self._let_go(self._jobs[cid])
            return None
        self._start(job)
        return job

    def _give_up(self, turn: Turn) -> None:
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

    def _adopt(self, channel: Channel, name: str, turn: Turn) -> None:
        log.info("Took over the container %s with message %s in flight", name, turn.id)
        self._turn_in_hand = turn
        turn.route = "subagent" if turn.parent else "dedicated"
        job = self._attend(channel, name)
        job.turn = turn
        job.attachment.adopt(turn)
        self._slots.take(subagent=bool(turn.parent))
        self._set_limit(job)

    def _set_limit(self, job: Job) -> None:
        job.limit = self._alarms.call_later(
            self._config.subagent_timeout, lambda: self._post(self._limit, job.cid)
        )

    def _start_returned(self, cid: str, error: BaseException | None) -> None:
        job = self._take_job(cid)
        if error is None:
            self._engine_answers()
        elif job is None:
            return
        elif isinstance(error, EngineUnavailable | EngineOverdue):
            self._put_back(job)
            self._engine_down = True
            self._probe_later()
        elif job.turn is None:
            log.warning("A standby container could not be started: %s", error)
            self._standby.lost(job)
            self._let_go(job)
        else:
            self._finish(job, Answer.failed(str(error)))

    def _put_back(self, job: Job) -> None:
        """The engine did not take the start: the turn goes back to its place in the queue.

        The runtime removes what such a start may still bring up.
        """
        turn = job.turn
        if turn is None:
            self._standby.lost(job)
        elif turn.id in job.attachment.open:
            turn.sends -= 1
            turn.attachment = None
            self._queue_of(turn).push(turn)
            del job.attachment.open[turn.id]
            job.attachment.settle(turn.id)
        self._let_go(job)

    # The engine

    def _engine_answers(self) -> None:
        if self._engine_down:
            self._engine_down = False
            self._standby.engine_up()
            self._fill()

    def _probe_later(self) -> None:
        if self._probe_timer is None:
            delay = max(ENGINE_RETRY, self._runtime.start_delay())
            self._probe_timer = self._alarms.call_later(delay, lambda: self._post(self._probe))

    def _probe(self) -> None:
        """Let one start through: where it returns well the others follow."""
        self._probe_timer = None
        if self._engine_down and self._drained is None:
            turn = self._next()
            if turn is not None:
                self._run(turn)

    # What a container does

    def _take_job(self, cid: str) -> Job | None:
        """Take in hand the job of a container about which something is told; None where it is over."""
        job = self._jobs.get(cid)
        if job is None or job.over:
            return None
        self._job_in_hand, self._turn_in_hand = job, job.turn
        return job

    def _frame(self, cid: str, frame: Frame) -> None:
        job = self._take_job(cid)
        if job is None:
            return
        if frame.kind == "pong":
            self._standby.warmed(job)
        elif frame.kind == "started":
            job.attachment.started(frame.id, self._clock.monotonic())
        elif frame.kind == "call":
            job.attachment.called(frame)
        elif frame.kind == "response" and (ended := job.attachment.ended(frame)) is not None:
            self._listener.ended(*ended)
            self._remove(job)

    def _happened(self, cid: str, turn_id: str, events: list[Event]) -> None:
        job = self._take_job(cid)
        if job is not None:
            job.attachment.happened(turn_id, events)

    def _exited(self, gone: Exit) -> None:
        job = self._take_job(gone.cid)
        if job is None:
            return
        how = "it is gone" if gone.code is None else f"exit {gone.code}"
        detail = f", {gone.detail}" if gone.detail else ""
        if job.turn is None:
            log.warning("A standby container ended (%s%s)", how, detail)
            self._standby.lost(job)
        for turn, outcome in job.attachment.lose(f"the container ended ({how}{detail})", self._clock.monotonic()):
            self._listener.ended(turn, outcome)
        self._remove(job)

    def _violation(self, cid: str, text: str) -> None:
        job = self._take_job(cid)
        if job is not None:
            log.error("The container %s broke the protocol and is removed: %s", job.name, text)
            if job.turn is None:
                self._standby.lost(job)
            self._finish(job, Answer.failed(f"the agent's container broke the protocol: {text}"))

    def _limit(self, cid: str) -> None:
        job = self._take_job(cid)
        if job is not None:
            seconds = self._config.subagent_timeout
            log.warning("The container %s took longer than %.0f s and is removed", job.name, seconds)
            self._finish(job, Answer.failed(f"timed out after {seconds:.0f} s (SUBAGENT_TIMEOUT)"))

    def _cancel(self, turn_id: str) -> None:
        """A container serves one turn: to cancel that is to remove the container."""
        turn = self._people.take(turn_id) or self._subagents.take(turn_id)
        if turn is not None:
            self._turn_in_hand = turn
            turn.is_placed(0)
            self._listener.ended(turn, Answer.cancelled())
            return
        for job in self._jobs.values():
            if turn_id in job.attachment.open:
                self._take_job(job.cid)
                self._finish(job, Answer.cancelled())
                return

    # The end of a container

    def _finish(self, job: Job, outcome: Outcome) -> None:
        """End the job's turn from here, and with it the container."""
        for turn in list(job.attachment.open.values()):
            self._listener.ended(turn, outcome)
        job.attachment.open.clear()
        self._remove(job)

    def _remove(self, job: Job) -> None:
        """The container has served; its slot is free when the runtime has it removed, however long that takes."""
        job.over = True
        if job.limit is not None:
            job.limit.cancel()
        if job.started is not None and job.started.cancel():
            self._removed(job)  # it was never begun
        else:
            removed = self._runtime.remove(job.cid)
            removed.add_done_callback(lambda _: job.attachment.retire())  # also where this thread has ended by then
            removed.add_done_callback(lambda _: self._post(self._removed, job))
        self._drain_step()

    def _removed(self, job: Job) -> None:
        self._let_go(job)
        self._fill()

    def _let_go(self, job: Job) -> None:
        """No container is left of this job: its slot is free, and its channel goes when the turn is settled."""
        job.over = True
        if job.limit is not None:
            job.limit.cancel()
        del self._jobs[job.cid]
        if job.turn is not None:
            self._slots.give_back(subagent=job.serves_subagent)
        job.attachment.retire()
        self._drain_step()

    # The end of the service

    def _drain(self, drained: Future[None]) -> None:
        self._drained = drained
        self._standby.close()
        self._drain_step()

    def _drain_step(self) -> None:
        """What is over is only to be removed, which is the runtime's to see to."""
        if self._drained is not None and not self._drained.done() and all(job.over for job in self._jobs.values()):
            self._drained.set_result(None)

    def _close(self) -> None:
        self._drained = self._drained or Future()  # nothing more is started
        for job in list(self._jobs.values()):
            if not job.over:
                self._remove(job)


def _error(future: Future[None]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as cancelled:
        return cancelled
