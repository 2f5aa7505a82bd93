"""Changes that inotify does not tell of: too many at once, a directory that is another one now, no instance left.

What is dropped is taken once all the same, and the log says what was the matter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.faults.amount import Figure, amount, cannot
from tests.support.file_events import FileEvents
from tests.support.log_lines import LogLines
from tests.support.service import RunningService

DROPS: Final = amount(300, 40_000)
NOISE: Final = 20_000
"""Changes of hidden names that overflow the kernel's queue (fs.inotify.max_queued_events, 16,384) before the drops."""
BOUND: Final = amount(60, 470)

_IN_A_NAMESPACE: Final = ("unshare", "--user", "--map-current-user", "--keep-caps")
"""A user namespace has a limit of inotify instances of its own, /proc/sys/user/max_inotify_instances: nobody else's."""


def drop(inbox: Path, number: int) -> None:
    """Rename a whole file into the inbox; each is a message of its own."""
    hidden = inbox.parent / "drops" / f"d{number}.json"
    hidden.write_text(json.dumps({"text": "hello", "session": f"s{number % 16}"}))
    hidden.rename(inbox / hidden.name)


def assert_each_taken_once(service: RunningService, numbers: range) -> None:
    """Each drop has the one reply under its own name, and nothing else is there."""
    outbox = service.home / "ipc/outbox"
    wanted = {f"d{number}.json" for number in numbers}
    with closing(FileEvents(outbox)) as events:
        events.until(lambda: len(os.listdir(outbox)) >= len(wanted) and wanted <= set(os.listdir(outbox)), BOUND)
    assert {name for name in os.listdir(outbox) if not name.startswith(".")} == wanted
    assert not os.listdir(service.home / "ipc/failed")
    assert not [name for name in os.listdir(service.home / "ipc/inbox") if name.endswith(".json")]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    (tmp_path / "home/ipc/drops").mkdir(parents=True)
    with RunningService(tmp_path / "home", QUEUE_LIMIT="1000") as running:
        yield running


def test_more_drops_at_once_than_the_kernel_tells_of_are_all_taken(service: RunningService, figure: Figure) -> None:
    inbox = service.home / "ipc/inbox"
    service.process.send_signal(signal.SIGSTOP)
    try:
        (inbox / ".a").touch()
        for _ in range(NOISE // 2):
            (inbox / ".a").rename(inbox / ".b")
            (inbox / ".b").rename(inbox / ".a")
        for number in range(DROPS):
            drop(inbox, number)
    finally:
        service.process.send_signal(signal.SIGCONT)

    assert_each_taken_once(service, range(DROPS))
    logs = [path.read_text() for path in (service.home / "logs").iterdir()]  # rotated by their size
    assert any("More changes at once than inotify could hold" in log for log in logs)
    figure(f"{DROPS} dropped behind {NOISE} changes while nobody read, {DROPS} taken, 0 twice")


def _moved_away(inbox: Path) -> None:
    inbox.rename(inbox.with_name("old"))
    inbox.mkdir()


def _removed(inbox: Path) -> None:
    inbox.rmdir()
    inbox.mkdir()


def _swapped(inbox: Path) -> None:
    """A folder that was filled before it came here."""
    fresh = inbox.with_name("fresh")
    fresh.mkdir()
    drop(fresh, 0)
    inbox.rmdir()
    fresh.rename(inbox)


@pytest.mark.parametrize("replace", [_moved_away, _removed, _swapped])
def test_an_inbox_that_is_replaced_is_the_inbox(service: RunningService, replace: Callable[[Path], None]) -> None:
    inbox = service.home / "ipc/inbox"
    replace(inbox)
    for number in range(1, 5):
        drop(inbox, number)

    assert_each_taken_once(service, range(int(replace is not _swapped), 5))


class ConfinedService(RunningService):
    """A service in a user namespace that has `instances` of inotify."""

    def __init__(self, home: Path, instances: int) -> None:
        super().__init__(home)
        self._instances = instances

    def spawn(self) -> subprocess.Popen[str]:
        limit = f"echo {self._instances} > /proc/sys/user/max_inotify_instances"
        command = [*_IN_A_NAMESPACE, "sh", "-c", f"{limit} && exec {sys.executable} -m openclaw serve"]
        with open(self.home.parent / "stderr", "ab") as stderr:
            return subprocess.Popen(
                command, env=self.environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )

    def allow(self, instances: int) -> None:
        """Give it more, as whoever follows the advice in the log does."""
        command = ["nsenter", f"--target={self.process.pid}", "--user", "--preserve-credentials", "sh", "-c"]
        subprocess.run(
            [*command, f"echo {instances} > /proc/sys/user/max_inotify_instances"],
            stdin=subprocess.DEVNULL, timeout=30, check=True,
        )  # fmt: skip


@contextmanager
def confined(home: Path, instances: int) -> Iterator[ConfinedService]:
    probe = subprocess.run(
        [*_IN_A_NAMESPACE, "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_instances"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30, check=False,
    )  # fmt: skip
    if probe.returncode != 0:
        cannot(f"no user namespace can be made here: {os.fsdecode(probe.stderr).strip()}")
    with ConfinedService(home, instances) as service:
        yield service


def test_without_an_inotify_instance_all_is_taken_and_the_log_says_what_to_raise(tmp_path: Path) -> None:
    (tmp_path / "home/ipc/drops").mkdir(parents=True)
    with confined(tmp_path / "home", 0) as service, closing(LogLines(service.home / "logs/app.log")) as lines:
        assert "raise the sysctl fs.inotify.max_user_instances" in lines.find("is scanned every")
        drop(service.home / "ipc/inbox", 0)
        assert_each_taken_once(service, range(1))
        service.allow(100)
        lines.find("ipc/inbox is watched again")
        drop(service.home / "ipc/inbox", 1)
        assert_each_taken_once(service, range(2))
        assert service.stop() == 0
