"""Jobs: the single-use containers that there are, each from its channel to its removal.

Owned by the dedicated agents' thread, which calls everything here. What happens in a container, and how the engine took
what was asked of it, comes as events to that thread, by the container's cid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Final, Protocol

from openclaw.agents.attachment import Attachment
from openclaw.agents.job import Job

if TYPE_CHECKING:
    from openclaw.agents.settings_guard import Watch
    from openclaw.agents.turn import TurnListener
    from openclaw.clock import Alarms
    from openclaw.containers.channel import Channel
    from openclaw.containers.event_tail import Event
    from openclaw.containers.runtime import ContainerSpec, Runtime
    from openclaw.message import Frame


_ASKED_AT_ONCE: Final = 32
"""Uncertain starts that the engine is asked about at a time: it may be away for a day, with one every few seconds."""


class Owner(Protocol):
    """Who is told, on the owner's thread, what happens to a job."""

    def frame(self, cid: str, frame: Frame, /) -> None: ...

    def happened(self, cid: str, turn_id: str, events: list[Event], /) -> None: ...

    def violation(self, cid: str, text: str, /) -> None: ...

    def start_returned(self, cid: str, error: BaseException | None, /) -> None: ...

    def overdue(self, cid: str, /) -> None:
        """Its turn has had its time."""

    def gone(self, job: Job, /) -> None:
        """The container is removed, or was never begun."""


class Jobs:
    """By cid. `post` has the owner's thread call a function. `watch` hears of each container that gets a turn."""

    def __init__(
        self,
        owner: Owner,
        *,
        runtime: Runtime,
        alarms: Alarms,
        watch: Watch,
        listener: TurnListener,
        post: Callable[..., None],
    ) -> None:
        self._owner = owner
        self._runtime = runtime
        self._alarms = alarms
        self._watch = watch
        self._listener = listener
        self._post = post
        self._jobs: dict[str, Job] = {}
        self._uncertain: list[str] = []  # cids whose start has failed without a word on whether there is a container
        self._asked: set[str] = set()  # those that the engine is to remove, should they be there

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def __contains__(self, job: Job) -> bool:
        return job.cid in self._jobs

    def find(self, cid: str) -> Job | None:
        """The job of that container, None where it is over or none of ours."""
        job = self._jobs.get(cid)
        return None if job is None or job.over else job

    def of_turn(self, turn_id: str) -> Job | None:
        """The job whose container has the turn in flight."""
        return next((job for job in self._jobs.values() if turn_id in job.attachment.open), None)

    def are_over(self) -> bool:
        """Whether containers are only left to be removed."""
        return all(job.over for job in self._jobs.values())

    def add(self, channel: Channel, name: str, spec: ContainerSpec | None = None) -> Job:
        """A job on `channel`, whose container is there already or is to be started."""
        job = self._jobs[channel.cid] = Job(name, Attachment(channel, self._listener), spec=spec)
        return job

    def listen(self, job: Job) -> None:
        """Have the owner told what happens in the container."""
        post, owner, cid = self._post, self._owner, job.cid
        job.attachment.channel.listen(
            lambda frame: post(owner.frame, cid, frame),
            lambda turn_id, events: post(owner.happened, cid, turn_id, events),
            lambda text: post(owner.violation, cid, text),
            lambda: post(self._go_on, job),
        )

    def _go_on(self, job: Job) -> None:
        """All that it has said by now is handled."""
        if not job.over:
            job.attachment.channel.go_on()

    def will_serve(self, job: Job) -> None:
        """It is about to be given a turn: until the container is gone it may write to the group's folder.

        Raises OSError or FileRefused where no account can be kept of that.
        """
        assert job.spec is not None
        self._watch.began(job.spec.group, job.cid, job.spec.settings_file, starting=job.started is None)

    def start(self, job: Job) -> None:
        """Start the container."""
        assert job.spec is not None
        job.started = self._runtime.start(job.spec)
        job.started.add_done_callback(lambda future: self._post(self._owner.start_returned, job.cid, _error(future)))

    def limit(self, job: Job, seconds: float) -> None:
        """Give its turn so many seconds."""
        job.limit = self._alarms.call_later(seconds, lambda: self._post(self._owner.overdue, job.cid))

    def remove(self, job: Job) -> None:
        """The container has served: have it removed, however long that takes."""
        self._end(job)
        if job.started is not None and job.started.cancel():
            self._owner.gone(job)  # it was never begun
            return
        removed = self._runtime.remove(job.cid)
        removed.add_done_callback(lambda _: self._watch.ended(job.cid))
        removed.add_done_callback(lambda _: job.attachment.retire())  # also where the owner's thread has ended by then
        removed.add_done_callback(lambda _: self._post(self._owner.gone, job))

    def runs(self, cid: str) -> None:
        """The engine says that it has started; its job may be over."""
        self._watch.started(cid)

    def let_go(self, job: Job, *, perhaps_started: bool = False) -> None:
        """No container is left of this job: its channel goes when its turn is settled.

        `perhaps_started`: the engine has not said what came of the start.
        """
        self._end(job)
        if perhaps_started and job.turn is not None:
            self._uncertain.append(job.cid)
        else:
            self._watch.ended(job.cid)
        del self._jobs[job.cid]
        job.attachment.retire()

    def engine_answers(self) -> None:
        """Have what came of uncertain starts removed: it may have taken its turn, and write to the group's folder."""
        while self._uncertain and len(self._asked) < _ASKED_AT_ONCE:
            cid = self._uncertain.pop()
            self._asked.add(cid)
            self._ask_about_start(cid)

    def _ask_about_start(self, cid: str) -> None:
        self._runtime.remove(cid).add_done_callback(lambda _: self._post(self._is_certain, cid))

    def _is_certain(self, cid: str) -> None:
        self._watch.ended(cid)
        self._asked.discard(cid)
        self.engine_answers()

    def _end(self, job: Job) -> None:
        if job.over:
            return
        job.over = True
        job.attachment.channel.stop_listening()
        if job.limit is not None:
            job.limit.cancel()


def _error(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as cancelled:
        return cancelled
