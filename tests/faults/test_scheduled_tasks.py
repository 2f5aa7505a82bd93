"""A scheduled task that comes due, and the service killed at the calls by which it claims it and has it run."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cuts import When
from tests.faults.round import DoomedService
from tests.support.file_events import FileEvents
from tests.support.service import RunningService
from tests.support.until import until

TASK = "t0123456789"
FEW = 6
"""Cuts in an ordinary run; OPENCLAW_CUTS=all takes every one."""

AHEAD = 15
"""Calls before the first commit: the claim's file is made and written."""


class Home:
    """A home with a task that came due while nothing ran."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "home"
        self.outbox = self.path / "ipc/outbox"
        for folder in (self.outbox, self.path / "ipc/tasks"):
            folder.mkdir(parents=True)
        now = int(time.time())
        given = {
            "id": TASK, "group": "main", "session": "default", "prompt": "/ls", "schedule_type": "interval",
            "schedule_value": "10h", "timezone": "UTC", "created": now - 36_100, "anchor": now - 36_100,
            "context_mode": "group", "missed": "run", "status": "active", "next": now - 100, "runs": [],
        }  # fmt: skip
        (self.path / f"ipc/tasks/{TASK}.json").write_text(json.dumps(given))

    def doomed(self, number: int, when: When) -> list[str]:
        """What a service has called that dies at the call `number` of its start, or has its run done before."""
        service = DoomedService(self.path, "start", number, when)
        with closing(FileEvents(self.outbox)) as events:
            service.process = service.spawn()
            with service.process as process:
                pidfd = os.pidfd_open(process.pid)
                try:
                    events.wake_for(pidfd)
                    events.until(lambda: process.poll() is not None or self.replies() != [])
                finally:
                    os.close(pidfd)
                process.kill()
        return service.calls()

    def replies(self) -> list[Path]:
        return sorted(path for path in self.outbox.glob(f"{TASK}-*.json"))

    def made_good(self) -> list[dict[str, Any]]:
        """The runs of the task, once the next service has nothing more to do for them."""
        runs: list[dict[str, Any]] = []
        with RunningService(self.path) as service:

            def over() -> bool:
                runs[:] = service.get(f"/tasks/{TASK}").json()["runs"]
                return bool(runs) and all(run["status"] != "running" for run in runs)

            until(over)
            # A run whose reply was out before is known to be over before recovery has cleared its message away.
            until(lambda: service.get("/status").json()["in_flight"] == 0)
        return runs


@lru_cache(maxsize=1)
def calls_of_a_run(directory: Path) -> tuple[int, int]:
    """Between which calls a run lies: from what precedes the first commit, which is its claim, to the reply."""
    directory.mkdir()
    calls = Home(directory).doomed(0, "before")
    claim = next(number for number, call in enumerate(calls, 1) if call.startswith("fsync spool/committer"))
    return max(1, claim - AHEAD), len(calls)


@pytest.mark.parametrize("part", range(FEW))
@pytest.mark.parametrize("when", ["before", "after"])
def test_it_has_exactly_one_run_wherever_the_service_was_killed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, part: int, when: When
) -> None:
    first, last = calls_of_a_run(tmp_path_factory.getbasetemp() / "scheduled-uncut")
    cuts = range(first, last + 1)
    for number in cuts[part::FEW] if os.environ.get("OPENCLAW_CUTS") == "all" else [cuts[part * len(cuts) // FEW]]:
        home = Home(tmp_path / str(number))
        home.doomed(number, when)

        (run,) = home.made_good()

        (reply,) = home.replies()
        assert (run["id"], run["status"]) == (reply.stem, "done")
        assert not list((home.path / "ipc/work").glob("*.json"))
