"""Runs: what becomes of due times. Called by the scheduler's thread alone.

    due → [claim durable: the due time has its run, the next one is set] → accepted as a message → its reply → noted

A claim is in the task's file before its message is accepted, and the message has the id of the due time. So whatever
is cut off in between is found at the next start and goes on: the run was accepted, then its id is known, or it was not,
then it is now, or it is said to be missed where the task wants that. Either way the due time has one run at most.

What came due while nothing ran here comes once, or not at all, as the task says; so does what several due times have
left that went by at once, when the machine slept or its clock was set. A due time at which the run before it is not
over is skipped, and the history says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from openclaw.errors import MessageRefused, NameTaken, SchedulerBusy
from openclaw.message import Reply, Timing, sent_id
from openclaw.schedule import shown
from openclaw.schedule.task import MAX_ERROR, MAX_FAILURES, Run, RunStatus, Task, run_id, task_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from openclaw.clock import Clock
    from openclaw.message import Message
    from openclaw.routing.desk import Receipt
    from openclaw.schedule.book import Book
    from openclaw.schedule.store import TaskStore

log = logging.getLogger(__name__)

GRACE: Final = 60
"""Seconds by which a due time may be past at the start without being missed: a restart takes some."""

PASSING: Final = (429, 503)
"""HTTP statuses of refusals that pass by themselves."""

_WORD: Final = 9999
"""The number of what a task's group is told of a run; an agent's own have lower ones, by the calls it may make."""

_WORD_TIMEOUT: Final = 30.0


class Ways(Protocol):
    """What the rest of the service does for the scheduler."""

    def accept_each(self, messages: list[Message], /) -> list[Receipt | MessageRefused]:
        """Accept messages, in this order; blocks until they are durable."""
        ...

    def in_flight(self, message_id: str, /) -> bool:
        """Whether a message is accepted and not settled."""
        ...

    def reply(self, message_id: str, /) -> dict[str, Any] | None:
        """The reply of an answered message, None where there is none."""
        ...

    def forget(self, group: str, sessions: list[str], /) -> None:
        """Nobody will speak in these sessions again; only hands over."""
        ...

    def tell(self, reply: Reply, /) -> Future[None]:
        """Have a group told something; fails with NameTaken where it was."""
        ...


class Runs:
    """Those of the tasks of `book`, which `store` keeps."""

    def __init__(self, book: Book, store: TaskStore, ways: Ways, clock: Clock) -> None:
        self._book = book
        self._store = store
        self._ways = ways
        self._clock = clock
        self._unsent: dict[str, Run] = {}  # claimed and not accepted yet, by the run's id

    def take_up(self, tasks: list[Task]) -> None:
        """Go on with what the last process left."""
        now = self._now()
        found = [self._taken_up(task, now) for task in tasks]
        changed = [after for before, after in zip(tasks, found, strict=True) if after is not before]
        for task in found:
            self._book.put(task)
        for error in filter(None, self._store.save(changed)):
            log.error("What has become of a task could not be noted: %s", error)  # it is found out again
        self.clock_set()

    def clock_set(self) -> None:
        """The clock was set, maybe back: what then comes due before what was due next, and never was, does so."""
        now = self._now()
        for task in self._book.all():
            if task.status == "active" and task.next is not None and task.schedule_type != "once":
                sooner = task.after(now)
                if sooner is not None and sooner < task.next:
                    self._book.put(replace(task, next=sooner))

    def claim_due(self) -> bool:
        """Claim what is due, and have it run. False where the disk or the queue did not take all: try again later."""
        now = self._now()
        due = self._book.due(now)
        claims = [self._claimed(task, now) for task in due]
        all_stored = True
        for task, claim, error in zip(due, claims, self._store.save(claims), strict=True):
            if error is not None:
                all_stored = False
                log.error("The task %s is due and cannot be claimed: %s; it is tried again", claim.id, error)
                continue
            self._book.put(claim)
            known = {run.due for run in claim.runs}
            self.forget(task, [run for run in task.runs if run.due not in known])
            run = claim.open_run()
            if run is not None and run.due == task.next:
                self._unsent[run.id] = run
        self._send()
        self._drop_surplus()
        return all_stored and not self._unsent

    def finished(self, message_id: str, reply: dict[str, Any]) -> None:
        """A message has its reply; it concerns the scheduler where it is a run."""
        task = self._task_of(message_id)
        if task is None:
            return
        for run in [run for run in task.runs if run.id == message_id and run.status == "running"]:
            self._keep(self._over(task, run, _status(reply), str(reply.get("error", ""))))

    def forget(self, task: Task, runs: Iterable[Run]) -> None:
        """These runs are remembered no longer: neither are the sessions that were theirs alone."""
        over = [run.id for run in runs if run.status in ("done", "failed", "cancelled")]
        if task.context_mode == "isolated" and over:
            self._ways.forget(task.group, over)

    # Within

    def _now(self) -> int:
        return int(self._clock.time())

    def _keep(self, task: Task) -> None:
        """As `_stored`, for what has happened already: the next start finds it out where the disk does not take it."""
        self._book.put(task)
        for error in filter(None, self._store.save([task])):
            log.error("What has become of the task %s could not be noted: %s", task.id, error)

    def _task_of(self, message_id: str) -> Task | None:
        task_id = task_of(message_id)
        return next((task for task in self._book.all() if task.id == task_id), None) if task_id else None

    def _taken_up(self, task: Task, now: int) -> Task:
        """A task that the last process left: what its last run came to, and whether it was missed meanwhile."""
        run = task.open_run()
        if run is not None and (settled := self._settled(task, run)) is not task:
            task = settled
        elif run is not None and not self._ways.in_flight(run.id):
            if task.missed == "skip" and run.due < now - GRACE:
                task = task.with_run(_missed(run, now))
            else:
                self._unsent[run.id] = run
        if task.status != "active" or task.next is None or task.missed == "run" or task.next >= now - GRACE:
            return task
        log.info("The task %s was due at %s, when nothing ran here; it is to be skipped then", task.id, task.next)
        missed = task.with_run(_missed(Run(task.next, run_id(task.id, task.next), "missed", now), now))
        return _with_next(missed, missed.after(now))

    def _settled(self, task: Task, run: Run) -> Task:
        """The task with what an open run came to, where its reply is there; else the very same task."""
        if self._ways.in_flight(run.id):
            return task
        reply = self._ways.reply(run.id)
        if reply is None:
            return task
        return self._over(task, run, _status(reply), str(reply.get("error", "")))

    def _claimed(self, task: Task, now: int) -> Task:
        """The task with a run for its due time, and with the next one. The times between were passed by."""
        assert task.next is not None
        due = task.next
        run = Run(due, run_id(task.id, due), "running", now)
        before = task.open_run()
        if before is not None:
            task = self._settled(task, before)
            if task.open_run() is not None:
                log.warning("The task %s is due, but its run %s is not over; this time is skipped", task.id, before.id)
                run = replace(run, status="skipped", ended=now, error=f"the run before it, {before.id}, was not over")
        if task.status != "active":  # that run was one failure too many
            return task
        claimed = task.with_run(run)
        return _with_next(claimed, claimed.after(max(due, now)))

    def _send(self) -> None:
        """Have what is claimed accepted; what is refused for good is over, what is not stays for the next time."""
        sending = [(task, run) for run in self._unsent.values() if (task := self._task_of(run.id)) is not None]
        self._unsent = {run.id: run for _, run in sending}  # without those of tasks that are cancelled
        if not sending:
            return
        outcomes = self._ways.accept_each([task.message(run) for task, run in sending])
        for (task, run), outcome in zip(sending, outcomes, strict=True):
            if isinstance(outcome, MessageRefused) and outcome.status in PASSING:
                log.error("The task %s is due and not taken: %s; it is tried again", task.id, outcome)
                continue
            del self._unsent[run.id]
            if isinstance(outcome, MessageRefused):
                self._keep(self._over(task, run, "failed", f"it was not taken: {outcome}", told=False))
            else:
                log.info("The task %s of the group %s is due: its message is %s", task.id, task.group, run.id)
                if outcome.duplicate and (settled := self._settled(task, run)) is not task:
                    self._keep(settled)

    def _over(self, task: Task, run: Run, status: RunStatus, error: str, *, told: bool = True) -> Task:
        """The task with the end of a run. One failure too many pauses it, and its group is told.

        `told`: the run has a reply, by which its group knows already.
        """
        task = task.with_run(replace(run, status=status, ended=self._now(), error=error[:MAX_ERROR]))
        if status == "cancelled":
            return task
        task = replace(task, failures=task.failures + 1 if status == "failed" else 0)
        if status == "failed" and task.failures >= MAX_FAILURES and task.status == "active":
            task = self._book.paused(task, f"its last {task.failures} runs have failed")
            log.warning("The task %s is paused: %s: %s", task.id, task.reason, error)
            self._tell(task, run, f"{task.reason}, so it is paused. The last error was: {error[:MAX_ERROR]}"
                       f" `openclaw tasks resume {task.id}` has it go on.")  # fmt: skip
        elif not told and task.status == "finished":
            self._tell(task, run, f"it was due and could not be done: {error[:MAX_ERROR]}")
        return task

    def _tell(self, task: Task, run: Run, text: str) -> None:
        """A word to the task's group; heard twice, it is one."""
        whole = f"The scheduled task {task.id} ({shown.brief(task.prompt)}): {text}"
        stored = self._ways.tell(
            Reply(sent_id(run.id, _WORD), task.group, task.session, "done", whole, "dedicated", 1, Timing())
        )
        try:
            error: BaseException | None = stored.exception(_WORD_TIMEOUT)
        except TimeoutError as late:
            error = late
        if error is not None and not isinstance(error, NameTaken):
            log.error("The group %s could not be told of the task %s: %s", task.group, task.id, error or "too slow")

    def _drop_surplus(self) -> None:
        for task in self._book.surplus():
            try:
                self._store.remove(task.id)
            except SchedulerBusy as error:
                log.error("%s", error)
            self._book.drop(task.id)
            self.forget(task, task.runs)


def _with_next(task: Task, following: int | None) -> Task:
    """The task, due next at `following`; without that it is over."""
    return replace(task, next=following, status="active" if following is not None else "finished")


def _missed(run: Run, now: int) -> Run:
    return replace(run, status="missed", ended=now, error="nothing ran here at that time")


def _status(reply: dict[str, Any]) -> RunStatus:
    """Of a reply; a damaged one is a failure."""
    status = reply.get("status")
    return status if status in ("done", "cancelled") else "failed"
