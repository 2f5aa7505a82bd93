"""The clock is set, forward and back by an hour: order stays as it was, and nothing is early, late or lost."""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.faults.amount import Figure, amount
from tests.support.begun import wait_until_begun
from tests.support.file_events import FileEvents
from tests.support.service import RunningService

HOUR: Final = 3600.0
COUNT: Final = amount(12, 400)
LIMIT: Final = 0.6
"""Seconds that a turn may take in the test of limits."""


class SkewedService(RunningService):
    module = "tests.faults.skewed"

    def __init__(self, home: Path, **settings: str) -> None:
        self._skew = home.parent / "skew"
        self.set_clock(0)
        super().__init__(home, SKEW_FILE=str(self._skew), **settings)

    def set_clock(self, ahead: float) -> None:
        hidden = self._skew.with_name(".skew")
        hidden.write_text(str(ahead))
        hidden.rename(self._skew)


@pytest.fixture(params=[HOUR, -HOUR], ids=["forward", "back"])
def ahead(request: pytest.FixtureRequest) -> float:
    value = request.param
    assert isinstance(value, float)
    return value


def _answered(home: Path) -> list[str]:
    """The ids of the messages, in the order in which they were answered."""
    return re.findall(r"Response timing .* \[(\w+)\]$", (home / "logs/app.log").read_text(), re.MULTILINE)


def test_messages_of_a_session_keep_their_order(tmp_path: Path, ahead: float, figure: Figure) -> None:
    ids = [f"m{number}" for number in range(COUNT)]
    with SkewedService(tmp_path / "home", OFFLINE_LATENCY="5") as service:
        for number, message_id in enumerate(ids):
            service.set_clock(ahead * (number % 2))
            assert service.post({"text": "hello", "id": message_id}, "").status_code == 202
        assert service.get(f"/messages/{ids[-1]}?wait=60").json()["status"] == "done"
        replies = [service.get(f"/messages/{message_id}").json() for message_id in ids]

    assert _answered(service.home) == ids
    assert max(reply["timing"]["totalTime"] for reply in replies) < HOUR / 2 * 1000
    figure(f"{COUNT} messages while the clock was set {COUNT} times, all in order")


def test_a_restart_keeps_the_order_and_no_time_is_impossible(tmp_path: Path, ahead: float) -> None:
    ids = [f"m{number}" for number in range(6)]
    with SkewedService(tmp_path / "home", OFFLINE_LATENCY="600000") as service:
        for number, message_id in enumerate(ids):
            service.set_clock(ahead * (number % 2))
            service.post({"text": "hello", "id": message_id}, "")
        service.kill()
    with SkewedService(tmp_path / "home") as service:
        service.set_clock(ahead)
        assert service.get(f"/messages/{ids[-1]}?wait=60").json()["status"] == "done"
        replies = [service.get(f"/messages/{message_id}").json() for message_id in ids]

    assert _answered(service.home) == ids
    assert min(reply["timing"]["totalTime"] for reply in replies) >= 0


def test_a_limit_is_neither_early_nor_late(tmp_path: Path, ahead: float) -> None:
    limit = {"PERSISTENT_REQUEST_TIMEOUT": str(round(LIMIT * 1000))}
    with SkewedService(tmp_path / "home", OFFLINE_LATENCY="600000", **limit) as service:
        begun = time.monotonic()
        service.post({"text": "hello", "id": "slow"}, "")
        wait_until_begun(service.home, "slow")
        service.set_clock(ahead)
        reply = service.get("/messages/slow?wait=60").json()
        took = time.monotonic() - begun

    assert (reply["status"], "timed out" in reply["error"]) == ("failed", True)
    assert LIMIT <= took < HOUR / 2
    assert LIMIT * 1000 <= reply["timing"]["totalTime"] < HOUR / 2 * 1000


def test_files_that_are_dated_ahead_or_behind_are_taken_at_once_and_none_is_removed(
    tmp_path: Path, ahead: float
) -> None:
    with SkewedService(tmp_path / "home", OUTBOX_RETENTION_DAYS="1", PERSISTENT_HEALTH_CHECK_INTERVAL="100") as service:
        ipc = service.home / "ipc"
        for number in range(COUNT):
            service.set_clock(ahead * (number % 2))
            (ipc / ".hidden").write_text('{"text": "hello"}')
            date = time.time() + ahead * (number % 3 - 1)
            os.utime(ipc / ".hidden", (date, date))
            (ipc / ".hidden").rename(ipc / f"inbox/d{number}.json")
        with closing(FileEvents(ipc / "outbox")) as events:
            events.until(lambda: len(list((ipc / "outbox").glob("d*.json"))) == COUNT)
        assert not any((ipc / "failed").iterdir())
        assert service.stop() == 0
