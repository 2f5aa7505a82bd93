"""One round: messages come in on every way, the service is killed at a call, and the next one has to make it good.

A round has a home of its own; several are played at once, each on a thread. It fails with what is wrong.
"""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import requests

from tests.faults.cuts import BEGUN, Cut, When
from tests.faults.disk import Disk, Outcome
from tests.support.file_events import FileEvents
from tests.support.service import RunningService

BOUND: Final = 120.0
"""Seconds that one thing may take, on a machine that does much else."""

POSTED: Final = (
    {"id": "posted", "text": "the posted one"},
    {"text": "the anonymous one", "session": "other"},
    {"id": "posted", "text": "the posted one"},  # the same id with the same content: one message
    {"id": "friend", "text": "the one to another group", "group": "friends"},
)
CONFLICT: Final = {"id": "posted", "text": "the one whose id is taken"}
DROPPED: Final = {
    "stem.json": {"text": "the dropped one"},
    "named.json": {"id": "named", "text": "the dropped one with an id"},
    "again.json": {"id": "named", "text": "the dropped one with an id"},
}


class DoomedService(RunningService):
    """A service that dies at the call `number`; see tests/faults/cut.py."""

    module = "tests.faults.cut"

    def __init__(self, home: Path, counted_from: str, number: int, when: When, **settings: str) -> None:
        self._trace = home.parent / f"calls-from-{counted_from}"
        cut = {"CUT_FROM": counted_from, "CUT_CALL": str(number), "CUT_WHEN": when, "CUT_TRACE": str(self._trace)}
        super().__init__(home, **cut, **settings)

    def calls(self) -> list[str]:
        """What it has called, in order."""
        return self._trace.read_text().splitlines()


class Round:
    """What was said to the services of one home, and what they have said. Runners die with their service."""

    settings: Mapping[str, str] = {"OFFLINE_LATENCY": "5"}
    never_ending: Mapping[str, str] = {"OFFLINE_LATENCY": "600000"}

    def __init__(self, directory: Path, cut: Cut) -> None:
        self._directory = directory
        self._cut = cut
        self._home = directory / "home"
        self._disk = Disk(self._home, (*POSTED, *DROPPED.values()))
        # By text, the id that was acknowledged. A dropped file is as good as acknowledged: its id is known before.
        self._owed = {"the dropped one": "stem", "the dropped one with an id": "named"}
        (self._home / "groups/friends").mkdir(parents=True)
        (self._home / "groups/friends/group.json").write_text("{}")

    def play(self) -> DoomedService:
        """Talk, die, restart, check. Returns the service that was to die."""
        doomed = self._talk()
        earlier = self._disk.replies()
        if self._cut.restart is not None:
            doomed = self._restart(*self._cut.restart)
            self._disk.assert_each_answered_once({}, earlier)
            earlier = self._disk.replies()
        due = self._due()
        with RunningService(self._home, **self.settings) as service:
            self._make_good(service)
        self._disk.assert_each_answered_once(self._owed, earlier)
        self._disk.assert_outcomes(due, earlier)
        self._disk.assert_nothing_is_left()
        assert "has its reply already" not in (self._home / "logs/app.log").read_text(), "a turn was run in vain"
        return doomed

    def _due(self) -> Mapping[str, Outcome]:
        return self._disk.due()

    # The services that die

    def _talk(self) -> DoomedService:
        number, when = self._cut.number, self._cut.when
        settings = self.never_ending if number == BEGUN else self.settings
        with DoomedService(self._home, "ready", number, when, **settings) as service:
            self._drop("stem.json")
            self._drop("named.json")
            with suppress(requests.RequestException):  # it died
                for message in POSTED:
                    self._post(service, message)
                assert service.post(CONFLICT, "").status_code == 409
            self._drop("again.json")
            if number == BEGUN:
                self._wait_until_begun()
                service.kill()
            self._see_end(service)
        return service

    def _restart(self, number: int, when: When) -> DoomedService:
        service = DoomedService(self._home, "start", number, when, **self.settings)
        service.process = service.spawn()
        with service.process as process:
            assert process.stdout is not None
            process.stdout.readline()  # that it is ready, or nothing
            self._see_end(service)
        return service

    def _post(self, service: RunningService, message: dict[str, str]) -> None:
        response = service.post(message, "")
        assert response.status_code in (200, 202), response.text
        message_id = response.json()["id"]
        assert self._owed.setdefault(message["text"], message_id) == message_id

    def _drop(self, name: str) -> None:
        """Rename a whole file into the inbox: from then on it has to be answered."""
        path = self._directory / name
        path.write_text(json.dumps(DROPPED[name]))
        path.rename(self._home / "ipc/inbox" / name)

    def _wait_until_begun(self) -> None:
        """Return when the first turn of each lane has begun: two in Main's container, one in a dedicated one."""
        channels = self._home / "ipc/channels"
        with closing(FileEvents(channels)) as events:

            def begun() -> bool:
                events.watch(*channels.glob("[!.]*/out"))  # before the look: what comes later is told
                return len(list(channels.glob("[!.]*/out/*.started.json"))) == 3

            events.until(begun, BOUND)

    def _see_end(self, service: RunningService) -> None:
        """Return when the service is dead, and its runners. One that has answered everything is told to stop."""
        process = service.process
        if process.poll() is None:
            with closing(FileEvents(self._home / "ipc/outbox")) as events, _pidfd(process.pid) as ended:
                events.wake_for(ended)
                events.until(lambda: process.poll() is not None or self._is_all_answered(), BOUND)
            process.terminate()
            process.wait(BOUND)
        self._see_end_of_runners()

    def _see_end_of_runners(self) -> None:
        for pid in _processes_of(self._home):
            with suppress(ProcessLookupError), _pidfd(pid) as ended:
                assert select.select([ended], [], [], BOUND)[0], "a runner outlives its service"

    # The service that lives

    def _make_good(self, service: RunningService) -> None:
        """Whoever can asks again; then everything is answered, and told as it lies on the disk."""
        for message in POSTED:
            if "id" in message:
                self._post(service, message)
        with closing(FileEvents(self._home / "ipc/outbox")) as events:
            events.until(self._is_all_answered, BOUND)
        assert service.post(CONFLICT, "").status_code == 409
        for message_id, found in self._disk.replies().items():
            told = service.get(f"/messages/{message_id}").json()
            assert {**told, "receipt": found.reply["receipt"]} == found.reply
        assert service.stop() == 0

    def _is_all_answered(self) -> bool:
        return self._owed.keys() <= self._disk.answered().keys()


@contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    """A descriptor that is readable when the process has ended. Raises ProcessLookupError where it is gone."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _processes_of(home: Path) -> Iterator[int]:
    """The processes that have `home` on their command line: its runners."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # gone meanwhile
                if os.fsencode(home) in (process / "cmdline").read_bytes():
                    yield int(process.name)
