"""What a keeper needs around it: tasks on a real disk, a date by hand, and a service that can be made to die."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from openclaw.errors import MessageRefused, NameTaken, SchedulerBusy, UnknownGroup
from openclaw.message import Message, Reply
from openclaw.routing.desk import Receipt
from openclaw.schedule.book import Book
from openclaw.schedule.keeper import Keeper
from openclaw.schedule.store import TaskStore
from openclaw.schedule.task import Task
from openclaw.schedule.zone import Zone
from openclaw.spool import Committer, DropDir
from tests.support.clock import FakeClock

BERLIN = Zone("Europe/Berlin")
GROUPS = ("main", "friends")
NINE = {"prompt": "good morning", "schedule_type": "cron", "schedule_value": "0 9 * * *"}


class Killed(BaseException):
    """The process has died here."""


class FakeWays:
    """A service that takes messages once for each id. It outlives the processes of a World, as a disk does."""

    def __init__(self) -> None:
        self.accepted: list[Message] = []
        self.flight: set[str] = set()
        self.replies: dict[str, dict[str, Any]] = {}
        self.told: dict[str, Reply] = {}
        self.forgotten: list[tuple[str, str]] = []
        self.refusal: MessageRefused | None = None
        self.dies = ""  # "before" or "after" the next messages are accepted

    def accept_each(self, messages: list[Message], /) -> list[Receipt | MessageRefused]:
        if self.dies == "before":
            raise Killed
        outcomes = [self._accept(message) for message in messages]
        if self.dies == "after":
            raise Killed
        return outcomes

    def _accept(self, message: Message) -> Receipt | MessageRefused:
        if self.refusal is not None:
            return self.refusal
        if message.id in self.flight or message.id in self.replies:
            return Receipt(message.id, duplicate=True)
        self.accepted.append(message)
        self.flight.add(message.id)
        return Receipt(message.id, duplicate=False)

    def in_flight(self, message_id: str, /) -> bool:
        return message_id in self.flight

    def reply(self, message_id: str, /) -> dict[str, Any] | None:
        return self.replies.get(message_id)

    def forget(self, group: str, sessions: list[str], /) -> None:
        self.forgotten += [(group, session) for session in sessions]

    def tell(self, reply: Reply, /) -> Future[None]:
        stored: Future[None] = Future()
        if reply.id in self.told:
            stored.set_exception(NameTaken(reply.id))
        else:
            self.told[reply.id] = reply
            stored.set_result(None)
        return stored


class World:
    """Processes, one after another, with the same disk."""

    def __init__(self, folder: Path, committer: Committer, at: str = "2026-11-28T08:30") -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.ways = FakeWays()
        self._committer = committer
        self.set_date(at)
        self.restart()

    def restart(self) -> None:
        """What the last process had in memory is gone."""
        self.ways.dies = ""
        self.directory = DropDir(self.folder)
        self.book = Book(zone=lambda: "Europe/Berlin", check_group=self._check_group)
        self.store = TaskStore(self.directory, self._committer)
        self.keeper = Keeper(self.book, self.store, self.ways, self.clock)
        self.keeper.begin()

    def set_date(self, local: str) -> None:
        """What clocks show in Berlin."""
        self.clock.set_date(BERLIN.moment(datetime.fromisoformat(local)))

    def add(self, **given: str) -> str:
        """The id of a new task, by default one that is due at nine each day."""
        task_id = self.keeper.add({**NINE, **given})["id"]
        assert isinstance(task_id, str)
        return task_id

    def go_on(self, local: str = "") -> bool:
        """What the thread does at a moment; whether all was taken."""
        if local:
            self.set_date(local)
        return self.keeper.runs.claim_due()

    def answer(self, status: str = "done", error: str = "", message_id: str = "") -> None:
        """The message that runs, or this one, has its reply."""
        message_id = message_id or self.ways.accepted[-1].id
        self.ways.flight.discard(message_id)
        self.ways.replies[message_id] = {"status": status, "error": error}
        self.keeper.runs.finished(message_id, self.ways.replies[message_id])

    def runs(self, task_id: str) -> list[tuple[str, str]]:
        """Each due time that something has become of, and what."""
        return [(BERLIN.words(run.due)[4:20], run.status) for run in self.book.get(task_id).runs]

    def next(self, task_id: str) -> str:
        """When a task is due next, by Berlin's clocks."""
        due = self.book.get(task_id).next
        return "" if due is None else BERLIN.words(due)[4:20]

    def ran(self) -> list[str]:
        """The due times of all messages, as the ids say them, in UTC."""
        return [message.id.partition("-")[2] for message in self.ways.accepted]

    def _check_group(self, group: str) -> None:
        if group not in GROUPS:
            raise UnknownGroup(f"there is no group {group!r}")


def refuse_all(world: World) -> pytest.MonkeyPatch:
    """From now on the disk takes no task, until this is undone."""

    def full(tasks: list[Task]) -> list[SchedulerBusy]:
        return [SchedulerBusy("the disk is full") for _ in tasks]

    patched = pytest.MonkeyPatch()
    patched.setattr(world.store, "save", full)
    return patched
