"""What is to go is out of the way at once, and removed where nobody waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.containers import disposal, removal
from openclaw.containers.disposal import Disposal
from tests.support.no_threads import no_thread

WAIT = 10


@pytest.fixture
def bin_() -> Iterator[Disposal]:
    bin_ = Disposal()
    yield bin_
    bin_.close(WAIT)


def heap(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        (path / str(number)).touch()
    return path


class Gate:
    """Holds up every unlink until it is opened; `reached` when the first one comes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        unlink = os.unlink

        def held(name: str, *, dir_fd: int) -> None:
            self.reached.set()
            assert self.open.wait(WAIT)
            unlink(name, dir_fd=dir_fd)

        monkeypatch.setattr(os, "unlink", held)


def test_where_there_is_no_thread_it_goes_with_the_next_one(
    tmp_path: Path, bin_: Disposal, caplog: pytest.LogCaptureFixture
) -> None:
    with no_thread("disposal"):
        bin_.dispose(heap(tmp_path / "c1", 10))
    assert [path.name for path in tmp_path.iterdir()] == [".gone.c1"]
    assert "is removed later, or at the next start: can't start new thread" in caplog.text
    bin_.dispose(heap(tmp_path / "c2", 10))
    bin_.close(WAIT)
    assert list(tmp_path.iterdir()) == []


def test_the_name_is_free_at_once_whatever_lies_there(
    tmp_path: Path, bin_: Disposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)

    bin_.dispose(heap(tmp_path / "c1", 10))

    assert gate.reached.wait(WAIT)
    assert [path.name for path in tmp_path.iterdir()] == [".gone.c1"]
    gate.open.set()
    bin_.close(WAIT)
    assert list(tmp_path.iterdir()) == []


def test_a_heap_is_removed_in_slices_and_others_come_in_between(
    tmp_path: Path, bin_: Disposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def slice_(path: Path) -> bool:
        done = removal.remove_tree(path, limit=10)
        if done:
            order.append(path.name)
        return done

    monkeypatch.setattr(disposal, "remove_tree", slice_)
    gate = Gate(monkeypatch)
    bin_.dispose(heap(tmp_path / "heap", 95))
    assert gate.reached.wait(WAIT)
    bin_.dispose(heap(tmp_path / "small", 2))
    gate.open.set()
    bin_.close(WAIT)

    assert order == [".gone.small", ".gone.heap"]


def test_what_is_filled_as_fast_as_it_is_removed_is_left_to_the_next_start(
    tmp_path: Path, bin_: Disposal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disposal, "MAX_SLICES", 3)
    monkeypatch.setattr(disposal, "remove_tree", lambda path: False)

    bin_.dispose(heap(tmp_path / "c1", 1))
    bin_.close(WAIT)

    assert "c1 is still being filled" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [".gone.c1"]


def test_a_stop_does_not_wait_for_a_heap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(monkeypatch)
    bin_ = Disposal()
    bin_.dispose(heap(tmp_path / "c1", 10))
    assert gate.reached.wait(WAIT)

    bin_.close(0)

    assert "the next start goes on" in caplog.text
    gate.open.set()


def test_what_is_gone_is_fine_and_what_cannot_be_moved_is_told(
    tmp_path: Path, bin_: Disposal, caplog: pytest.LogCaptureFixture
) -> None:
    bin_.dispose(tmp_path / "nothing")
    assert caplog.text == ""
    heap(tmp_path / "c1", 1)
    heap(tmp_path / ".gone.c1", 1)

    bin_.dispose(tmp_path / "c1")

    assert "c1 cannot be removed: Directory not empty" in caplog.text
