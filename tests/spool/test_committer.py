from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from openclaw.errors import NameTaken, NotDurable
from openclaw.spool import Committer, DropDir
from openclaw.spool.committer import MAX_BATCH, MAX_WAITING, MAX_WAITING_BYTES
from openclaw.spool.dropdir import Staged

TIMEOUT = 10.0


class HeldDir(DropDir):
    """Holds the committer up in its first write until `release`, so that a batch gathers behind it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached = threading.Event()
        self.release = threading.Event()
        self.synced = 0

    def stage(self, data: bytes, mode: int = 0o600) -> Staged:
        self.reached.set()
        assert self.release.wait(TIMEOUT)
        return super().stage(data, mode)

    def sync_entries(self) -> None:
        self.synced += 1
        super().sync_entries()


class FullDir(DropDir):
    """A directory on a full disk."""

    def stage(self, data: bytes, mode: int = 0o600) -> Staged:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FailingDisk:
    """An os.fsync that fails for whatever `broken` picks, and counts its calls."""

    def __init__(self, broken: Callable[[int], bool]) -> None:
        self.calls: list[int] = []
        self._broken = broken
        self._fsync = os.fsync

    def __call__(self, fd: int) -> None:
        self.calls.append(os.fstat(fd).st_ino)
        if self._broken(fd):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(fd)


@pytest.fixture
def committer() -> Iterator[Committer]:
    running = Committer()
    running.start()
    yield running
    running.close()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldDir]:
    directory = HeldDir(tmp_path / "held")
    yield directory
    directory.release.set()
    directory.close()


def test_a_published_file_is_there_when_its_future_comes_true(committer: Committer, drops: DropDir) -> None:
    committer.publish(drops, "a.json", b"{}").result(TIMEOUT)

    assert os.listdir(drops.path) == ["a.json"]
    assert (drops.path / "a.json").read_bytes() == b"{}"
    assert (drops.path / "a.json").stat().st_mode & 0o777 == 0o600


def test_file_and_directory_are_both_synced_before_that(
    committer: Committer, drops: DropDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk(lambda _: False)
    monkeypatch.setattr(os, "fsync", disk)

    committer.publish(drops, "a.json", b"{}").result(TIMEOUT)

    assert disk.calls == [(drops.path / "a.json").stat().st_ino, drops.path.stat().st_ino]


def test_a_name_in_use_is_not_overwritten(committer: Committer, drops: DropDir) -> None:
    committer.publish(drops, "a.json", b"first").result(TIMEOUT)

    with pytest.raises(NameTaken, match=r"a\.json is there already"):
        committer.publish(drops, "a.json", b"second").result(TIMEOUT)
    assert (drops.path / "a.json").read_bytes() == b"first"
    assert os.listdir(drops.path) == ["a.json"]


def test_unless_it_is_to_be_replaced(committer: Committer, drops: DropDir) -> None:
    committer.publish(drops, "a.json", b"first").result(TIMEOUT)
    committer.publish(drops, "a.json", b"second", replace=True).result(TIMEOUT)

    assert (drops.path / "a.json").read_bytes() == b"second"


def test_who_waits_at_the_same_moment_shares_one_commit(committer: Committer, held: HeldDir) -> None:
    first = committer.publish(held, "first.json", b"")
    assert held.reached.wait(TIMEOUT)
    others = [committer.publish(held, f"{number}.json", b"") for number in range(20)]

    held.release.set()

    done, _ = wait([first, *others], TIMEOUT)
    assert len(done) == 21
    assert held.synced == 2, "one sync of the directory for the first file, one for the twenty"


def test_a_batch_is_bounded(committer: Committer, held: HeldDir) -> None:
    first = committer.publish(held, "first.json", b"")
    assert held.reached.wait(TIMEOUT)
    others = [committer.publish(held, f"{number}.json", b"") for number in range(MAX_BATCH + 1)]

    held.release.set()

    assert len(wait([first, *others], TIMEOUT).done) == MAX_BATCH + 2
    assert held.synced == 3


def test_of_two_files_of_one_name_in_a_batch_the_first_wins(committer: Committer, held: HeldDir) -> None:
    committer.publish(held, "gate.json", b"")
    assert held.reached.wait(TIMEOUT)
    first, second = committer.publish(held, "a.json", b"1"), committer.publish(held, "a.json", b"2")

    held.release.set()

    first.result(TIMEOUT)
    assert isinstance(second.exception(TIMEOUT), NameTaken)
    assert (held.path / "a.json").read_bytes() == b"1"


def test_a_full_disk_hurts_only_those_who_write_to_it(committer: Committer, held: HeldDir, tmp_path: Path) -> None:
    full = FullDir(tmp_path / "full")
    committer.publish(held, "gate.json", b"")
    assert held.reached.wait(TIMEOUT)
    good, bad = committer.publish(held, "a.json", b""), committer.publish(full, "b.json", b"")

    held.release.set()

    good.result(TIMEOUT)
    with pytest.raises(NotDurable, match="No space left on device; free some disk space"):
        bad.result(TIMEOUT)
    full.close()


def test_a_file_that_cannot_be_synced_is_discarded_and_its_neighbours_are_not(
    committer: Committer, held: HeldDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk(lambda fd: os.fstat(fd).st_size == 3)
    monkeypatch.setattr(os, "fsync", disk)
    committer.publish(held, "gate.json", b"")
    assert held.reached.wait(TIMEOUT)
    good, bad = committer.publish(held, "good.json", b"12"), committer.publish(held, "bad.json", b"123")

    held.release.set()

    good.result(TIMEOUT)
    with pytest.raises(NotDurable, match=r"bad\.json could not be stored: Input/output error; .*dmesg"):
        bad.result(TIMEOUT)
    assert sorted(os.listdir(held.path)) == ["gate.json", "good.json"]
    assert len(disk.calls) == len(set(disk.calls)) + 1, "no descriptor is tried again; the directory has two commits"


def test_a_directory_that_cannot_be_synced_takes_back_the_names_of_the_batch(
    committer: Committer, drops: DropDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = drops.path.stat().st_ino
    monkeypatch.setattr(os, "fsync", FailingDisk(lambda fd: os.fstat(fd).st_ino == broken))

    with pytest.raises(NotDurable, match="Input/output error"):
        committer.publish(drops, "a.json", b"{}").result(TIMEOUT)

    assert os.listdir(drops.path) == []


def test_a_directory_that_was_removed_is_made_again(committer: Committer, drops: DropDir) -> None:
    drops.path.rmdir()

    committer.publish(drops, "a.json", b"{}").result(TIMEOUT)

    assert (drops.path / "a.json").read_bytes() == b"{}"


def test_a_full_queue_is_told_at_once(drops: DropDir) -> None:
    committer = Committer()  # not started: everything waits
    waiting = [committer.publish(drops, f"{number}.json", b"") for number in range(MAX_WAITING)]

    refused = committer.publish(drops, "more.json", b"")

    assert isinstance(refused.exception(0), NotDurable)
    assert not any(future.done() for future in waiting)


def test_bytes_that_wait_are_bounded_too_but_one_file_always_fits(drops: DropDir) -> None:
    committer = Committer()
    large = committer.publish(drops, "large.json", bytes(MAX_WAITING_BYTES + 1))

    refused = committer.publish(drops, "more.json", b"1")

    assert not large.done()
    assert isinstance(refused.exception(0), NotDurable)


def test_a_cancelled_file_is_not_written(committer: Committer, held: HeldDir) -> None:
    first = committer.publish(held, "first.json", b"")
    assert held.reached.wait(TIMEOUT)
    cancelled = committer.publish(held, "cancelled.json", b"")
    assert cancelled.cancel()
    last = committer.publish(held, "last.json", b"")

    held.release.set()

    wait([first, last], TIMEOUT)
    assert sorted(os.listdir(held.path)) == ["first.json", "last.json"]


def test_closing_commits_what_waits_and_refuses_what_comes_later(drops: DropDir) -> None:
    committer = Committer()
    waiting = committer.publish(drops, "a.json", b"{}")
    committer.start()

    committer.close()

    waiting.result(0)
    with pytest.raises(NotDurable, match="stopping"):
        committer.publish(drops, "b.json", b"{}").result(0)


def test_a_committer_that_never_ran_leaves_nobody_waiting(drops: DropDir) -> None:
    committer = Committer()
    waiting = committer.publish(drops, "a.json", b"{}")

    committer.close()

    with pytest.raises(NotDurable, match="stopping"):
        waiting.result(0)


def test_a_mistake_of_ours_is_told_to_all_who_wait_and_ends_nothing(
    committer: Committer, drops: DropDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(_: DropDir) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(DropDir, "sync_entries", mistaken)
        with pytest.raises(NotDurable):
            committer.publish(drops, "a.json", b"{}").result(TIMEOUT)

    committer.publish(drops, "b.json", b"{}").result(TIMEOUT)


def test_without_sync_nothing_is_synced(drops: DropDir, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FailingDisk(lambda _: True)
    monkeypatch.setattr(os, "fsync", disk)
    committer = Committer(sync=False)
    committer.start()

    committer.publish(drops, "a.json", b"{}").result(TIMEOUT)

    assert disk.calls == []
    committer.close()


def test_a_hundred_threads_each_get_their_own_file(committer: Committer, drops: DropDir) -> None:
    futures: list[Future[None]] = []

    def publish(number: int) -> None:
        futures.append(committer.publish(drops, f"{number}.json", str(number).encode()))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for future in futures:
        future.result(TIMEOUT)
    assert all((drops.path / f"{number}.json").read_text() == str(number) for number in range(100))
