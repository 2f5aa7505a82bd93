"""Items are done in turns by key, on few threads that end when there is nothing to do."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator

import pytest

from openclaw.delivery.fair_workers import FairWorkers


class Bench:
    """Workers whose items wait at a gate: `begun` tells which are under way, `finish` lets one end."""

    def __init__(self, threads: int, per_key: int) -> None:
        self.begun: queue.Queue[str] = queue.Queue()
        self._gates: dict[str, threading.Event] = {}
        self.workers: FairWorkers[str] = FairWorkers("bench", self._act, threads=threads, per_key=per_key)

    def put(self, key: str, *items: str) -> None:
        for item in items:
            self._gates[item] = threading.Event()
            self.workers.put(key, item)

    def finish(self, *items: str) -> None:
        for item in items:
            self._gates[item].set()

    def next(self) -> str:
        return self.begun.get(timeout=10)

    def _act(self, item: str) -> None:
        self.begun.put(item)
        assert self._gates[item].wait(10)
        if item.startswith("bad"):
            raise RuntimeError(item)

    def end(self) -> None:
        for gate in self._gates.values():
            gate.set()
        self.workers.close(10)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(threads=3, per_key=2)
    yield bench
    bench.end()


def test_a_key_has_no_more_than_its_share_under_way(bench: Bench) -> None:
    bench.put("slow", "s1", "s2", "s3")
    assert {bench.next(), bench.next()} == {"s1", "s2"}
    bench.put("other", "o1")
    assert bench.next() == "o1"
    assert bench.begun.empty()  # s3 has a thread to itself and is not begun
    bench.finish("s1")
    assert bench.next() == "s3"


def test_keys_take_turns(bench: Bench) -> None:
    bench.put("many", "m1", "m2", "m3", "m4")
    bench.put("few", "f1", "f2")
    assert {bench.next() for _ in range(3)} == {"m1", "m2", "f1"}
    bench.finish("m1")
    assert bench.next() in {"m3", "f2"}
    bench.finish("m2")
    assert bench.next() in {"m3", "f2"}


def test_one_bad_item_is_logged_and_the_next_is_done(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.put("key", "bad")
    bench.next()
    with caplog.at_level(logging.ERROR):
        bench.finish("bad")
        bench.put("key", "good")
        assert bench.next() == "good"
        bench.end()
    assert "'bad'" in caplog.text


def test_idle_workers_have_no_threads(bench: Bench) -> None:
    bench.put("key", "a", "b")
    bench.next()
    bench.next()
    threads = [thread for thread in threading.enumerate() if thread.name == "bench"]
    assert len(threads) == 2
    bench.finish("a", "b")
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_after_close_nothing_begins(bench: Bench) -> None:
    bench.put("key", "a")
    bench.next()
    bench.finish("a")
    bench.workers.close(10)
    bench.put("key", "b")
    assert not [thread for thread in threading.enumerate() if thread.name == "bench"]
    assert bench.begun.empty()
