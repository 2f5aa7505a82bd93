"""Incoming: more requests than may be held wait in the directory, and their order is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runner.calls import Calls
from agent_runner.channel import Incoming, Outgoing
from agent_runner.engines import Host, Task
from agent_runner.health import Health
from agent_runner.turns import Response, Turns
from openclaw.message import dump_bytes
from openclaw.spool import DropDir, Watcher
from tests.support.agent_host import unused_host

TIMEOUT = 10.0
COUNT = 40


class RecordingEngine:
    """Notes the order in which it was asked; the first turn waits until every request lies there."""

    def __init__(self) -> None:
        self.all_there = threading.Event()
        self.asked: list[str] = []

    def answer(self, task: Task, host: Host) -> str:
        assert self.all_there.wait(TIMEOUT)
        self.asked.append(task.message.id)
        return ""


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    watcher.start()
    yield watcher
    watcher.close()


def test_requests_beyond_the_bound_are_taken_in_their_order_when_there_is_room(
    tmp_path: Path, watcher: Watcher
) -> None:
    engine = RecordingEngine()
    outgoing = Outgoing(DropDir(tmp_path / "out").path)
    inbox = DropDir(tmp_path / "in")
    answered = threading.Semaphore(0)

    def on_response(turn_id: str, body: Response) -> None:
        outgoing.response(turn_id, body)
        answered.release()

    turns = Turns(engine, unused_host, outgoing.started, on_response, max_held=4)
    health = Health(outgoing.pong, lambda: 0)
    calls = Calls(outgoing.call)
    Incoming(inbox.path, watcher, turns=turns, calls=calls, health=health, outgoing=outgoing).listen()
    ids = [f"r{number:02}" for number in range(COUNT)]
    for turn_id in ids:
        inbox.place(f"{turn_id}.request.json", dump_bytes({"message": {"text": "x"}, "attempt": 1}))
    engine.all_there.set()

    for _ in ids:
        assert answered.acquire(timeout=TIMEOUT)
    assert engine.asked == ids
