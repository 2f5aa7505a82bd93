"""A disk that fills up under the running service: nothing is promised that it does not hold, and nobody has to help.

The home is a small file system of its own, which takes root to mount.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from openclaw.message.frames import STAGING
from openclaw.spool import IN_DELETE, Inotify
from tests.faults.disks import memory_disk
from tests.support.file_events import FileEvents
from tests.support.log_lines import LogLines
from tests.support.service import RunningService


class SmallDisk(RunningService):
    """A service whose home has a disk of its own. What it logs is on another one, too: on stderr."""

    may_log_errors = True

    def fill(self) -> None:
        """Take every byte that is left."""
        with suppress(OSError), open(self.home / "ballast", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        (self.home / "ballast").unlink()

    def lines(self) -> closing[LogLines]:
        return closing(LogLines(self.home.parent / "stderr"))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with memory_disk(tmp_path / "home", "size=1m"):
        yield tmp_path / "home"


def test_a_message_is_refused_with_the_reason_and_taken_again_once_there_is_room(home: Path) -> None:
    with SmallDisk(home) as service:
        assert service.post({"text": "hello"}).status_code == 200
        _wait_until_settled(home)
        service.fill()
        for _ in range(3):
            refused = service.post({"text": "hello", "id": "a"})
            assert (refused.status_code, refused.json()["title"]) == (503, "Not stored")
            assert "free some disk space" in refused.json()["detail"]
        assert service.get("/messages/a").status_code == 404
        assert service.get("/status").json()["in_flight"] == 0
        assert service.get("/readyz").status_code == 200
        service.free()
        assert service.post({"text": "hello", "id": "a"}).json()["status"] == "done"
        assert service.stop() == 0


def test_a_file_that_is_dropped_meanwhile_is_taken_later(home: Path) -> None:
    with SmallDisk(home) as service, service.lines() as lines:
        (home / "ipc/inbox/.hidden").write_text('{"text": "hello"}')
        service.fill()
        (home / "ipc/inbox/.hidden").rename(home / "ipc/inbox/later.json")
        assert "free some disk space" in lines.find("'later.json' is tried again soon")
        assert not list((home / "ipc/failed").iterdir())
        service.free()
        with closing(FileEvents(home / "ipc/outbox")) as events:
            events.until((home / "ipc/outbox/later.json").exists, timeout=60)


def test_a_turn_that_ends_meanwhile_gets_its_reply_later(home: Path) -> None:
    with SmallDisk(home, OFFLINE_LATENCY="1000") as service:
        out = _main_out(home)
        with closing(FileEvents(out)) as events:
            service.post({"text": "hello", "id": "a"}, "")
            events.until((out / "a.started.json").exists, timeout=60)
        with closing(Inotify()) as removals:
            removals.add_watch(out / STAGING, IN_DELETE)
            service.fill()
            assert select.select([removals], [], [], 60)[0]  # of the response that did not fit
        service.free()
        reply = service.get("/messages/a?wait=30").json()
        assert (reply["status"], reply["attempt"]) == ("done", 1)


def test_a_container_whose_health_cannot_be_asked_for_is_left_alone(home: Path) -> None:
    with SmallDisk(home, PERSISTENT_HEALTH_CHECK_INTERVAL="1000") as service, service.lines() as lines:
        service.post({"text": "hello"})
        _wait_until_settled(home)
        for spare in _main_out(home).parent.glob(".spare.*"):  # a ping would go into it
            spare.unlink()
        service.fill()
        for _ in range(4):  # twice as many as make a container count as hung
            lines.find("the ping could not be written")
        main = service.get("/status").json()["main"]
        assert (main["state"], main["crashes"]) == ("READY", 0)
        service.free()
        assert service.post({"text": "hello"}).json()["route"] == "persistent"


def _wait_until_settled(home: Path) -> None:
    """Nothing of the messages is left but their replies: nothing will give space back."""
    channel = _main_out(home).parent
    folders = (home / "ipc/work", channel / "in", channel / "out")
    with closing(FileEvents(*folders)) as events:
        events.until(lambda: not any(any(folder.glob("*.json")) for folder in folders))


def _main_out(home: Path) -> Path:
    """What the runner in Main's container writes to; it is made while the service says that it is ready."""
    channels = home / "ipc/channels"
    with closing(FileEvents(channels)) as events:
        events.until(lambda: any(channels.glob("[!.]*")), timeout=60)
    return next(channels.glob("[!.]*")) / "out"
