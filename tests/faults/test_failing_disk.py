"""A disk, or a limit, that fails the running service for a while: no false promise, and nobody has to help it back.

Each fault comes and goes under a service that is spoken to all the time. A full disk is in test_full_disk.
"""

from __future__ import annotations

import json
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.faults.amount import Figure, amount
from tests.faults.disks import memory_disk, remount
from tests.support.file_events import FileEvents
from tests.support.service import RunningService

TIMES: Final = amount(2, 25)
"""How often each fault comes and goes."""
SENDERS: Final = 4
REFUSALS: Final = 8
"""How many callers are refused before a fault goes again."""


class Unlucky(RunningService):
    """A service of which `fault` takes hold. Its log is on another disk than ipc/."""

    may_log_errors = True
    module = "tests.faults.unlucky"

    def __init__(self, home: Path) -> None:
        self.sign = home.parent / "unlucky"
        # What cannot be looked at for want of a descriptor is looked at again at the next health tick.
        super().__init__(home, UNLUCKY_FILE=str(self.sign), PERSISTENT_HEALTH_CHECK_INTERVAL="1000")

    @contextmanager
    def errors_of_the_disk(self) -> Iterator[None]:
        self.sign.touch()
        yield
        self.sign.unlink()

    @contextmanager
    def no_inodes(self) -> Iterator[None]:
        """Every inode is taken; what exists can be written to."""
        made: list[Path] = []
        for spares in (self.home / "ipc").glob("*/.spare.*"):
            spares.unlink(missing_ok=True)  # it may be written just now
        try:
            while True:
                path = self.home / "ipc" / f".ballast-{len(made)}"
                path.touch()
                made.append(path)
        except OSError:
            pass
        yield
        for path in made:
            path.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        remount(self.home / "ipc", "ro")
        yield
        remount(self.home / "ipc", "rw")

    @contextmanager
    def no_descriptors(self) -> Iterator[None]:
        """The service can open nothing more; what it has open it keeps."""
        pid = self.process.pid
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        lowest = next(number for number in range(len(used) + 1) if number not in used)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
        yield
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


FAULTS: Final = {
    "EIO": (Unlucky.errors_of_the_disk, "look at dmesg"),
    "no inodes": (Unlucky.no_inodes, "free some disk space"),
    "read-only": (Unlucky.read_only, "mount the file system for writing"),
    "EMFILE": (Unlucky.no_descriptors, "raise the limit of open files (ulimit -n)"),
}
"""What happens, and what those who are refused are told to do."""


class Sender:
    """One that sends a message after another on one connection, and notes what it was told."""

    def __init__(self, url: str, number: int, refused: threading.Semaphore, go_on: Callable[[], bool]) -> None:
        self.accepted: list[str] = []
        self.refusals: dict[str, str] = {}
        self._url = f"{url}/messages"
        self._number = number
        self._refused = refused
        self._go_on = go_on
        self._thread = threading.Thread(target=self._run)
        self._session = requests.Session()
        self._session.trust_env = False
        self._send(0)  # the connection is there before the fault
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        self._session.close()

    def _run(self) -> None:
        count = 0
        while self._go_on():
            count += 1
            self._send(count)

    def _send(self, count: int) -> None:
        message = {"text": "hello", "id": f"m{self._number}-{count}", "session": f"s{self._number}"}
        answer = self._session.post(self._url, json=message, timeout=60)
        if answer.status_code == 202:
            self.accepted.append(message["id"])
            return
        assert answer.status_code in (429, 503), answer.text
        self.refusals[message["id"]] = answer.json()["detail"]
        self._refused.release()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Unlucky]:
    home = tmp_path / "home"
    with memory_disk(home / "ipc", "size=64m,nr_inodes=4000"), Unlucky(home) as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_fault_refuses_is_not_promised_and_all_goes_on_when_it_is_over(
    service: Unlucky, fault: str, figure: Figure
) -> None:
    take_hold, advice = FAULTS[fault]
    refused, over = threading.Semaphore(0), threading.Event()
    senders = [Sender(service.url, number, refused, lambda: not over.is_set()) for number in range(SENDERS)]
    for count in range(TIMES):
        hidden = service.home / "ipc/inbox" / f".dropped-{count}"
        hidden.write_text(json.dumps({"text": "hello"}))
        with ExitStack() as stack:
            stack.enter_context(take_hold(service))
            for _ in range(REFUSALS):
                assert refused.acquire(timeout=60), f"nobody is refused: {fault}"
            if fault != "read-only":
                hidden.rename(hidden.with_name(f"dropped-{count}.json"))
        if fault == "read-only":
            hidden.rename(hidden.with_name(f"dropped-{count}.json"))
        assert service.post({"text": "hello", "session": "after"}).json()["status"] == "done"
    over.set()
    for sender in senders:
        sender.join()

    accepted = [one for sender in senders for one in sender.accepted]
    refusals = {one: why for sender in senders for one, why in sender.refusals.items()}
    outbox = service.home / "ipc/outbox"
    owed = {*accepted, *(f"dropped-{count}" for count in range(TIMES))}
    with closing(FileEvents(outbox)) as events:
        events.until(lambda: owed <= {path.stem for path in outbox.glob("*.json")})
    replies = [service.get(f"/messages/{one}").json() for one in owed]
    failed = [reply for reply in replies if reply["status"] != "done"]  # there was no room for its agent's frames
    assert [reply for reply in failed if advice not in reply["error"]] == []
    assert [one for one in refusals if service.get(f"/messages/{one}").status_code != 404] == []
    assert [why for why in refusals.values() if advice not in why] == []
    assert not any((service.home / "ipc/failed").iterdir())
    assert service.stop() == 0
    figure(
        f"{len(owed)} accepted and answered, {len(failed)} of them that there was no room;"
        f" {len(refusals)} refused with the reason; 0 false 202"
    )
