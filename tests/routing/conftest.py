"""The router with a real disk below it; the agents and delivery are the test's own hands."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.attachment import Attachment
from openclaw.agents.settings_guard import SettingsGuard
from openclaw.agents.turn import Answer, Loss, Outcome, Turn
from openclaw.containers.channel import Channels
from openclaw.message import Message
from openclaw.routing.desk import Draft, Receipt
from openclaw.routing.groups import Groups
from openclaw.routing.ledger import Ledger
from openclaw.routing.reservations import Reservations
from openclaw.routing.router import Router
from openclaw.routing.sessions import Sessions
from openclaw.spool import Committer, Origin, Watcher
from tests.support.clock import FakeClock
from tests.support.listener import RecordingListener
from tests.support.slow_dir import SlowDir

DONE = Answer("done", "hi")


class HandAgents:
    """Agents that do nothing but remember what they were given."""

    def __init__(self) -> None:
        self.submitted: queue.Queue[Turn] = queue.Queue()
        self.cancelled: queue.Queue[Turn] = queue.Queue()

    def submit(self, turn: Turn) -> None:
        turn.sends += 1  # as agents do
        self.submitted.put(turn)

    def cancel(self, turn: Turn) -> None:
        self.cancelled.put(turn)


class Office:
    """A router on a home, from its start to its end; a second one on the same home is the next process."""

    def __init__(self, home: Path, stack: ExitStack, limit: int = 100) -> None:
        self.home = home
        self.clock = FakeClock()
        self.work, self.outbox = (stack.enter_context(closing(SlowDir(home / name))) for name in ("work", "outbox"))
        committer = stack.enter_context(closing(Committer()))
        committer.start()
        stack.callback(self.work.release)  # should a test fail while it holds the disk
        self.ledger = Ledger(self.work, self.outbox, committer, self.clock)
        (home / "groups").mkdir(exist_ok=True)
        groups = Groups(SettingsGuard(home / "groups"))
        self.reservations = Reservations(
            self.ledger, self.clock, admit=lambda message: groups.check(message.group), limit=limit
        )
        self.agents = HandAgents()
        self.delivered: queue.Queue[tuple[Turn, Answer]] = queue.Queue()
        self.handed_over: queue.Queue[Callable[[], None]] = queue.Queue()
        self.delivery_waits = False
        """Whether what is handed over waits in `handed_over`, instead of being done at once."""
        (home / "groups/main").mkdir(exist_ok=True)
        self.sessions = Sessions(home / "groups", self.clock, os.getuid())
        self.router = Router(
            self.reservations, self.ledger, self.sessions,
            deliver=lambda turn, answer: self.delivered.put((turn, answer)), hand_over=self._take_over,
        )  # fmt: skip
        self._channels = Channels(home / "channels", stack.enter_context(closing(Watcher())))

    def _take_over(self, act: Callable[[], None]) -> None:
        if self.delivery_waits:
            self.handed_over.put(act)
        else:
            act()

    def open(self, *running: Turn) -> None:
        self.router.open(self.agents, list(running))

    # What the test sends

    def accept(self, message_id: str = "", text: str = "hello", **keys: Any) -> Receipt:
        return self.router.accept(Message(text, id=message_id, **keys))

    def drop(self, *drafts: Draft) -> list[Any]:
        """The receipts for dropped files, or the refusals."""
        return self.router.accept_all(list(drafts))

    # What comes of it

    def next_turn(self) -> Turn:
        """The next turn that the agents get."""
        return self.agents.submitted.get(timeout=10)

    def submitted(self) -> list[str]:
        """The ids of those that the agents have got by now."""
        return [turn.id for turn in _drained(self.agents.submitted)]

    def answers(self) -> list[tuple[str, Answer]]:
        """What was handed to delivery by now."""
        return [(turn.id, answer) for turn, answer in _drained(self.delivered)]

    def end(self, turn: Turn, outcome: Outcome = DONE) -> None:
        """The agent hands a turn back."""
        self.router.ended(turn, outcome)

    def settle(self, turn: Turn) -> None:
        """Do what delivery does with a turn that was answered."""
        self.ledger.store_reply(turn, turn.reply(DONE, self.clock.monotonic())).result(10)
        self.ledger.settle(turn)
        self.reservations.settled(turn)

    def lose(self, turn: Turn, *, begun: bool) -> None:
        """The container that had the turn ends."""
        self.end(turn, Loss("the container ended", begun))

    def attach(self, turn: Turn) -> Path:
        """The channel of a container that had the turn and is gone; it lasts until the turn is settled."""
        attachment = Attachment(self._channels.create(f"c{turn.sends}"), RecordingListener())
        attachment.adopt(turn)
        attachment.retire()
        return attachment.channel.path

    def progress(self, message_id: str) -> tuple[str, int]:
        """Whether a message in flight is queued or running, and which attempt at it."""
        known = self.router.progress(message_id)
        assert known is not None
        return known["status"], known["attempt"]

    def record(self, message_id: str) -> dict[str, Any]:
        """What work/ knows of a message."""
        record = json.loads((self.work.path / f"{message_id}.json").read_bytes())
        assert isinstance(record, dict)
        return record


def draft(stem: str, text: str = "hello", message_id: str = "", inode: int = 1, **keys: Any) -> Draft:
    """A file STEM.json as the inbox hands it over; `inode` tells it from others of its name."""
    return Draft(Message(text, id=message_id, **keys), Origin(f"{stem}.json", 1, inode, 1), stem)


def again(offered: Draft) -> Draft:
    """The same file, offered once more."""
    return offered._replace(again=True)


def _drained(given: queue.Queue[Any]) -> list[Any]:
    return [given.get_nowait() for _ in range(given.qsize())]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def office(tmp_path: Path, stack: ExitStack) -> Office:
    """One that is open from the start."""
    office = Office(tmp_path, stack)
    office.open()
    return office
