"""DedicatedAgents: one single-use container for each turn, as many at once as the configuration allows.

A turn waits by priority for a place, its request is laid into a new channel, a container is started on it, and both
are removed when it has answered, ended or run out of time. While the engine does not answer nothing is lost: the turn
waits, and one start at a time finds out whether it is back.

One thread, "dedicated", owns all of it; engine calls, frames and timers post events to it. It never blocks.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.agents.attachment import Attachment
from openclaw.agents.mailbox import Mailbox
from openclaw.agents.specs import Specs, new_cid
from openclaw.agents.turn import Answer, Loss, Outcome, Turn, TurnEnded, group_title
from openclaw.errors import EngineOverdue, EngineUnavailable, OpenClawError, RuntimeFailure

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock, Timer
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.runtime import Exit, Runtime
    from openclaw.message import Frame

log = logging.getLogger(__name__)

CANCEL_GRACE = 1.0
"""Seconds that a runner has to confirm a cancelled turn before its container is removed."""

ENGINE_RETRY = 0.5
"""Least seconds between two starts while the engine does not answer; the runtime may ask for more."""

REMOVE_RETRY = 5.0
"""Seconds until a removal that the engine refused is tried again; the container keeps its place until then."""

_RANK = {"high": 0, "normal": 1, "low": 2}


@dataclass(slots=True, eq=False)
class _Job:
    """One container: started for `turn`, gone when `removed`. Owned by the mailbox's thread."""

    name: str
    attachment: Attachment
    limit: Timer | None = None
    ending: Answer | None = None  # how the turn ends if its runner does not say so itself
    over: bool = False


class DedicatedStatus(NamedTuple):
    """What `status` shows; replaced as a whole by the owner, read by anybody."""

    running: int
    waiting: int
    engine_down: bool


class DedicatedAgents:
    """Serves any group's turns. `submit` takes one; `ended` is told how it went."""

    def __init__(
        self,
        *,
        config: Config,
        runtime: Runtime,
        channels: Channels,
        specs: Specs,
        clock: Clock,
        alarms: Alarms,
        ended: TurnEnded,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._channels = channels
        self._specs = specs
        self._clock = clock
        self._alarms = alarms
        self._ended = ended
        # Every turn in flight posts at most its submission, start, two frames, exit, removal, cancellation and limit.
        self._mailbox: Mailbox[tuple[Callable[..., None], tuple[Any, ...]]] = Mailbox(
            "dedicated", self._handle, 8 * config.queue_limit + 1000
        )
        # From here on owned by the mailbox's thread.
        self._jobs: dict[str, _Job] = {}  # by cid
        self._waiting: list[tuple[int, int, Turn]] = []  # a heap by (priority, order of acceptance)
        self._engine_down = False
        self._probe_timer: Timer | None = None
        self._drained: Future[None] | None = None
        self.status = DedicatedStatus(0, 0, engine_down=False)

    # Called from any thread.

    def start(self) -> None:
        self._mailbox.start()

    def submit(self, turn: Turn) -> None:
        """Take a turn; it runs as soon as a place is free."""
        self._post(self._submit, turn)

    def adopt(self, channel: Channel, name: str, turn: Turn) -> None:
        """Take over a container that outlived the last process and works on `turn`."""
        self._post(self._adopt, channel, name, turn)

    def cancel(self, turn_id: str) -> None:
        """Cancel a turn that waits or runs here; one that does not is let be."""
        self._post(self._cancel, turn_id, Answer.cancelled())

    def exited(self, gone: Exit) -> None:
        """The runtime saw a container end; one that is not ours is let be."""
        self._post(self._exited, gone)

    def engine_up(self) -> None:
        """An engine that was gone answers again."""
        self._post(self._engine_answers)

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
        act, args = event
        act(*args)
        self.status = DedicatedStatus(len(self._jobs), len(self._waiting), self._engine_down)

    def _submit(self, turn: Turn) -> None:
        if turn.cancelled:
            self._ended(turn, Answer.cancelled())
            return
        heapq.heappush(self._waiting, (_RANK[turn.message.priority], turn.seq, turn))
        self._fill()

    def _fill(self) -> None:
        """Start what there is a place for."""
        if self._engine_down or self._drained is not None:
            return
        while self._waiting and len(self._jobs) < self._config.max_concurrent_containers:
            self._launch(heapq.heappop(self._waiting)[2])

    def _launch(self, turn: Turn) -> None:
        log.info("Starting container for %s", group_title(turn.message.group))
        turn.route = "dedicated"
        turn.sends += 1
        cid = new_cid()
        spec = self._specs.dedicated(cid, turn.message.group, turn.id)
        try:
            job = self._open(Attachment(self._channels.create(cid)), spec.name)
            job.attachment.ask(turn, self._config.subagent_timeout)
        except (OSError, RuntimeFailure) as error:
            self._ended(turn, Answer.failed(f"the request could not be written: {error}; free some disk space"))
            if cid in self._jobs:
                self._let_go(self._jobs[cid])
            return
        started = self._runtime.start(spec)
        started.add_done_callback(lambda future: self._post(self._start_returned, cid, future.exception()))

    def _open(self, attachment: Attachment, name: str) -> _Job:
        cid = attachment.channel.cid
        job = self._jobs[cid] = _Job(name, attachment)
        attachment.channel.listen(
            lambda frame: self._post(self._frame, cid, frame),
            lambda text: self._post(self._violation, cid, text),
        )
        job.limit = self._alarms.call_later(self._config.subagent_timeout, lambda: self._post(self._limit, cid))
        return job

    def _adopt(self, channel: Channel, name: str, turn: Turn) -> None:
        log.info("Took over the container %s with message %s in flight", name, turn.id)
        turn.route = "dedicated"
        attachment = Attachment(channel)
        attachment.adopt(turn)
        self._open(attachment, name)

    def _start_returned(self, cid: str, error: BaseException | None) -> None:
        job = self._jobs.get(cid)
        if error is None:
            self._engine_answers()
        elif job is not None and not job.over and isinstance(error, EngineUnavailable | EngineOverdue):
            self._put_back(job)
            self._engine_down = True
            self._probe_later()
        elif job is not None and not job.over:
            self._finish(job, Answer.failed(str(error)))

    def _engine_answers(self) -> None:
        if self._engine_down:
            self._engine_down = False
            self._fill()

    def _probe_later(self) -> None:
        if self._probe_timer is None:
            delay = max(ENGINE_RETRY, self._runtime.start_delay())
            self._probe_timer = self._alarms.call_later(delay, lambda: self._post(self._probe))

    def _probe(self) -> None:
        """Let one start through: where it returns well the others follow."""
        self._probe_timer = None
        if self._engine_down and self._waiting and self._drained is None:
            self._launch(heapq.heappop(self._waiting)[2])

    def _put_back(self, job: _Job) -> None:
        """The engine did not take the start: the turn goes back to its place in the queue.

        The runtime removes what such a start may still bring up.
        """
        for turn in list(job.attachment.open.values()):
            turn.sends -= 1
            turn.attachment = None
            heapq.heappush(self._waiting, (_RANK[turn.message.priority], turn.seq, turn))
            job.attachment.settle(turn.id)
        job.attachment.open.clear()
        self._let_go(job)

    def _frame(self, cid: str, frame: Frame) -> None:
        job = self._jobs.get(cid)
        if job is None or job.over:
            return
        if frame.kind == "started":
            job.attachment.begin(frame.id, self._clock.monotonic())
        elif frame.kind == "response" and (ended := job.attachment.answer(frame)) is not None:
            turn, answer = ended
            if answer.status == "cancelled" and job.ending is not None:
                answer = job.ending
            self._ended(turn, answer)
            self._remove(job)

    def _exited(self, gone: Exit) -> None:
        job = self._jobs.get(gone.name.rpartition("-")[2])  # a name ends with its cid
        if job is None or job.over:
            return
        how = "it is gone" if gone.code is None else f"exit {gone.code}"
        detail = f", {gone.detail}" if gone.detail else ""
        self._lose(job, f"the container ended ({how}{detail})")

    def _lose(self, job: _Job, reason: str) -> None:
        for turn, outcome in job.attachment.lose(reason, self._clock.monotonic()):
            if isinstance(outcome, Loss) and job.ending is not None:
                outcome = job.ending
            self._ended(turn, outcome)
        self._remove(job)

    def _violation(self, cid: str, text: str) -> None:
        job = self._jobs.get(cid)
        if job is not None and not job.over:
            log.error("The container %s broke the protocol and is removed: %s", job.name, text)
            self._finish(job, Answer.failed(f"the agent's container broke the protocol: {text}"))

    def _limit(self, cid: str) -> None:
        job = self._jobs.get(cid)
        if job is not None and not job.over:
            seconds = self._config.subagent_timeout
            log.warning("The container %s took longer than %.0f s and is removed", job.name, seconds)
            self._finish(job, Answer.failed(f"timed out after {seconds:.0f} s (SUBAGENT_TIMEOUT)"))

    def _cancel(self, turn_id: str, answer: Answer) -> None:
        for entry in self._waiting:
            if entry[2].id == turn_id:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
                self._ended(entry[2], answer)
                return
        for cid, job in self._jobs.items():
            if turn_id in job.attachment.open and job.ending is None:
                job.ending = answer
                self._alarms.call_later(CANCEL_GRACE, partial(self._post, self._cancel_overdue, cid))
                job.attachment.channel.send("cancel", turn_id, {})
                return

    def _cancel_overdue(self, cid: str) -> None:
        job = self._jobs.get(cid)
        if job is not None and not job.over and job.ending is not None:
            self._finish(job, job.ending)

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        """End the job's turn from here, and with it the container."""
        for turn in list(job.attachment.open.values()):
            self._ended(turn, outcome)
        job.attachment.open.clear()
        self._remove(job)

    def _remove(self, job: _Job) -> None:
        """The container has served; its place is free when the engine has removed it."""
        job.over = True
        if job.limit is not None:
            job.limit.cancel()
        self._remove_again(job)

    def _remove_again(self, job: _Job) -> None:
        cid = job.attachment.channel.cid
        removed = self._runtime.remove(job.name)
        removed.add_done_callback(lambda future: self._post(self._removed, cid, future.exception()))

    def _removed(self, cid: str, error: BaseException | None) -> None:
        job = self._jobs[cid]
        if isinstance(error, OpenClawError):
            log.warning("The container %s could not be removed; next try in %.0f s: %s", job.name, REMOVE_RETRY, error)
            self._alarms.call_later(REMOVE_RETRY, partial(self._post, self._remove_again, job))
            return
        if error is not None:
            log.error("removing the container %s failed", job.name, exc_info=error)
        self._let_go(job)
        self._fill()
        self._drain_step()

    def _let_go(self, job: _Job) -> None:
        """No container is left of this job: its place is free, and its channel goes when the turn is settled."""
        job.over = True
        if job.limit is not None:
            job.limit.cancel()
        del self._jobs[job.attachment.channel.cid]
        job.attachment.retire()

    def _drain(self, drained: Future[None]) -> None:
        self._drained = drained
        self._drain_step()

    def _drain_step(self) -> None:
        if self._drained is not None and not self._drained.done() and not self._jobs:
            self._drained.set_result(None)

    def _close(self) -> None:
        for job in list(self._jobs.values()):
            if not job.over:
                self._remove(job)
            job.attachment.retire()
