"""A probe goes through the parts without which nobody is served, and the manager is told when it has come through."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from openclaw.service.watchdog import PER_PERIOD, ProbeLost, Watchdog
from openclaw.spool import Committer, Watcher
from tests.support.clock import FakeClock, ManualTimers
from tests.support.front import FakeFront
from tests.support.http_service import http_service
from tests.support.slow_dir import SlowDir

PERIOD = 180.0


class Parts:
    """All parts that a probe goes through; a test takes one of them away."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.address = stack.enter_context(http_service(FakeFront())).address
        self.directory = stack.enter_context(closing(SlowDir(root / ".probe")))
        self.committer = stack.enter_context(closing(Committer()))
        self.committer.start()
        self.watcher = stack.enter_context(closing(Watcher()))
        self.watcher.start()
        self.alarms = ManualTimers(FakeClock())
        self.told: queue.Queue[str] = queue.Queue()
        self.ping: Callable[[Callable[[], None]], None] = lambda answer: answer()
        self._stack = stack

    def _ask_delivery(self, answer: Callable[[], None]) -> None:
        self.ping(answer)  # what it is by now

    def watchdog(self, step_s: float = 30.0) -> Watchdog:
        watchdog = Watchdog(
            PERIOD, lambda: self.told.put("alive"),
            address=lambda: self.address, directory=self.directory, committer=self.committer,
            watcher=self.watcher, ping_delivery=self._ask_delivery, alarms=self.alarms, step_s=step_s,
        )  # fmt: skip
        watchdog.start()
        self._stack.callback(watchdog.close)
        return watchdog


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with ExitStack() as stack:
        yield Parts(tmp_path, stack)


def test_the_manager_is_told_several_times_in_a_period(parts: Parts) -> None:
    parts.watchdog()
    for _ in range(PER_PERIOD):
        parts.alarms.wait_set(PERIOD / PER_PERIOD)
        parts.alarms.advance(PERIOD / PER_PERIOD)
        assert parts.told.get(timeout=30) == "alive"


def test_where_there_is_no_thread_for_one_probe_there_is_the_next(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parts.watchdog()
    with monkeypatch.context() as patched:
        patched.setattr("openclaw.service.watchdog.threading.Thread.start", no_thread)
        parts.alarms.wait_set(PERIOD / PER_PERIOD)
        parts.alarms.advance(PERIOD / PER_PERIOD)
    assert "raise the limit of processes" in caplog.text
    parts.alarms.wait_set(PERIOD / PER_PERIOD)
    parts.alarms.advance(PERIOD / PER_PERIOD)
    assert parts.told.get(timeout=30) == "alive"


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_service_that_does_not_answer_is_no_living_one(parts: Parts) -> None:
    watchdog = parts.watchdog()
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        parts.address = taken.getsockname()
        with pytest.raises(ProbeLost, match="GET /healthz was not answered"):
            watchdog.probe()


def test_a_disk_that_hangs_loses_the_probe(parts: Parts) -> None:
    watchdog = parts.watchdog(step_s=0.05)
    parts.directory.hold()
    with pytest.raises(ProbeLost, match="no file was made durable"):
        watchdog.probe()
    parts.directory.release()


def test_a_disk_that_takes_no_file_does_not(parts: Parts) -> None:
    watchdog = parts.watchdog()
    parts.committer.close()  # it refuses from here on
    watchdog.probe()


def test_a_watcher_that_tells_nothing_loses_it(parts: Parts) -> None:
    watchdog = parts.watchdog(step_s=0.05)
    parts.watcher.close()
    with pytest.raises(ProbeLost, match="the watcher told of no change"):
        watchdog.probe()


def test_so_does_delivery_that_does_not_answer(parts: Parts) -> None:
    watchdog = parts.watchdog(step_s=0.05)
    parts.ping = lambda _answer: None
    with pytest.raises(ProbeLost, match="delivery did not answer"):
        watchdog.probe()


def test_a_lost_probe_is_logged_and_the_next_one_tried(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    parts.watchdog(step_s=0.05)
    parts.ping = lambda _answer: None
    parts.alarms.advance(PERIOD / PER_PERIOD)
    parts.alarms.wait_set(PERIOD / PER_PERIOD)
    assert "The watchdog's probe was lost: delivery did not answer" in caplog.text
    parts.ping = lambda answer: answer()
    parts.alarms.advance(PERIOD / PER_PERIOD)
    assert parts.told.get(timeout=30) == "alive"


def test_after_close_no_probe_begins(parts: Parts) -> None:
    parts.watchdog().close()
    parts.alarms.advance(PERIOD)
    assert parts.told.empty()
