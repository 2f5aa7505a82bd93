"""The power is cut while messages come in: after the boot everything that was acknowledged is there, whole, once.

The home is on an ext4 of its own, with and without a journal, which keep their promises in different ways. A reply that
was told to somebody counts as acknowledged, too.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.faults.amount import Figure, amount
from tests.faults.disks import LoopDisk, loop_disk
from tests.support.file_events import FileEvents
from tests.support.service import RunningService

ACKS: Final = amount(24, 1000)
"""Acknowledgements that each test takes before it is content."""
ROUNDS: Final = amount(1, 8)
SENDERS: Final = 8


class Blackout(RunningService):
    """A service whose disk goes away under it, which is an error and no fault."""

    may_log_errors = True


class Senders:
    """Threads that send one message after another until the service takes no more; every fourth waits for its reply."""

    def __init__(self, url: str, run: int, enough: int) -> None:
        self.acknowledged: dict[str, str] = {}
        """By id, the text."""
        self.told: dict[str, dict[str, Any]] = {}
        """By id, the reply."""
        self.enough = threading.Event()
        self._url = url
        self._run = run
        self._wanted = enough
        self._lock = threading.Lock()  # guards all of the above
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for count in range(ACKS):
                message = {"text": f"hello {self._run}-{number}-{count}", "session": f"s{number}"}
                query = "" if count % 4 else "?wait=30"
                try:
                    answer = session.post(f"{self._url}/messages{query}", json=message, timeout=60)
                except requests.RequestException:
                    return  # the service was killed
                if answer.status_code == 503:
                    return  # the power is off
                self._note(answer, message["text"])

    def _note(self, answer: requests.Response, text: str) -> None:
        assert answer.status_code in (200, 202), answer.text
        with self._lock:
            value = answer.json()
            self.acknowledged[value["id"]] = text
            if answer.status_code == 200:
                self.told[value["id"]] = value
            if len(self.acknowledged) >= self._wanted:
                self.enough.set()


@pytest.fixture(params=["has_journal", "^has_journal"], ids=["with a journal", "without a journal"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, request.param) as disk:
        yield disk


def test_what_was_acknowledged_before_a_power_cut_is_answered_after_it(disk: LoopDisk, figure: Figure) -> None:
    acknowledged: dict[str, str] = {}
    for run in range(ROUNDS):
        with Blackout(disk.path) as service:
            senders = Senders(service.url, run, -(-ACKS // ROUNDS))
            assert senders.enough.wait(300)
            disk.cut_power()
            service.kill()
            senders.join()
            acknowledged |= senders.acknowledged
        disk.boot()
        _assert_whole(disk.path, acknowledged, senders.told)

    with Blackout(disk.path) as service:
        outbox = disk.path / "ipc/outbox"
        events = FileEvents(outbox)
        events.until(lambda: acknowledged.keys() <= {path.stem for path in outbox.glob("*.json")}, timeout=300)
        events.close()
        statuses = {service.get(f"/messages/{message_id}").json()["status"] for message_id in acknowledged}
        assert service.stop() == 0
    assert statuses == {"done"}
    assert not any((disk.path / "ipc/work").glob("[!.]*"))
    assert len(acknowledged) >= ACKS
    figure(f"{len(acknowledged)} acknowledged, {ROUNDS} power cuts, 0 lost")


def _assert_whole(home: Path, acknowledged: dict[str, str], told: dict[str, dict[str, Any]]) -> None:
    """Each message is in flight with its text, or has its reply; what was told lies there as it was told."""
    for message_id, text in acknowledged.items():
        work, reply = (home / "ipc" / name / f"{message_id}.json" for name in ("work", "outbox"))
        if reply.exists():
            assert json.loads(reply.read_bytes())["status"] == "done"
        else:
            assert json.loads(work.read_bytes())["message"]["text"] == text
    for message_id, value in told.items():
        there = json.loads((home / "ipc/outbox" / f"{message_id}.json").read_bytes())
        assert {**there, **value} == there
