from __future__ import annotations

import errno
import logging
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from logging.handlers import QueueHandler
from pathlib import Path

import pytest

from openclaw.spool import IN_CREATE, IN_DELETE, IN_MOVED_TO, Watcher, inotify, rush, watcher
from openclaw.spool.watcher import OnChange
from tests.support.clock import FakeClock

TIMEOUT = 10.0


class Changes(queue.Queue[str | None]):
    """Collects what a watcher tells."""

    def next(self) -> str | None:
        return self.get(timeout=TIMEOUT)

    def until(self, wanted: str | None) -> None:
        """Read on until `wanted` comes."""
        while self.next() != wanted:
            pass


class NoInotify(inotify.Inotify):
    """A machine that has given all its inotify instances away."""

    def __init__(self) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.fixture
def watching() -> Iterator[Watcher]:
    running = Watcher()
    running.start()
    yield running
    running.close()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def changes() -> Changes:
    return Changes()


class TestWhatIsTold:
    def test_a_written_file_is_told_when_it_appears_and_when_it_is_done(
        self, watching: Watcher, inbox: Path, changes: Changes
    ) -> None:
        watching.watch(inbox, changes.put)

        (inbox / "a.json").write_text("{}")

        assert [changes.next(), changes.next()] == ["a.json", "a.json"]

    def test_a_moved_in_file_and_a_hard_link_are_told(
        self, watching: Watcher, inbox: Path, tmp_path: Path, changes: Changes
    ) -> None:
        (tmp_path / "a").touch()
        watching.watch(inbox, changes.put)

        os.link(tmp_path / "a", inbox / "linked.json")
        (tmp_path / "a").rename(inbox / "moved.json")

        assert [changes.next(), changes.next()] == ["linked.json", "moved.json"]

    def test_hidden_names_are_not(self, watching: Watcher, inbox: Path, changes: Changes) -> None:
        watching.watch(inbox, changes.put)

        (inbox / ".new").touch()
        (inbox / ".new").rename(inbox / "a.json")

        assert changes.next() == "a.json"

    def test_deletions_are_told_where_they_are_asked_for(
        self, watching: Watcher, inbox: Path, changes: Changes
    ) -> None:
        (inbox / "a.json").touch()
        watching.watch(inbox, changes.put, mask=IN_DELETE)

        (inbox / "a.json").unlink()

        assert changes.next() == "a.json"

    def test_each_directory_has_its_own_callback(self, watching: Watcher, tmp_path: Path) -> None:
        told = {}
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            told[name] = Changes()
            watching.watch(tmp_path / name, told[name].put)

        (tmp_path / "two" / "b").touch()
        (tmp_path / "one" / "a").touch()

        assert told["one"].next() == "a"
        assert told["two"].next() == "b"

    def test_a_tick_has_every_owner_look(self, watching: Watcher, inbox: Path, changes: Changes) -> None:
        watching.watch(inbox, changes.put)

        watching.tick()

        assert changes.next() is None

    def test_an_overflow_of_the_kernels_queue_has_every_owner_look(
        self, watching: Watcher, inbox: Path, changes: Changes
    ) -> None:
        limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        if limit > 50_000:
            pytest.skip(f"this machine's inotify holds {limit} events")
        full = threading.Event()

        def hold_up(name: str | None) -> None:
            assert full.wait(TIMEOUT)
            changes.put(name)

        watching.watch(inbox, hold_up)
        (inbox / "a").touch()

        names = [str(inbox / "a"), str(inbox / "b")]
        for number in range(limit + 10_000):
            os.rename(names[number % 2], names[1 - number % 2])
        full.set()

        changes.until(None)

    def test_a_callback_that_fails_ends_nothing(
        self, watching: Watcher, inbox: Path, changes: Changes, caplog: pytest.LogCaptureFixture
    ) -> None:
        def mistaken(name: str | None) -> None:
            changes.put(name)
            raise ZeroDivisionError

        watching.watch(inbox, mistaken)
        (inbox / ".x").touch()
        (inbox / ".x").rename(inbox / "a")
        (inbox / "a").rename(inbox / "b")

        assert [changes.next(), changes.next()] == ["a", "b"]
        assert f"A change in {inbox} could not be handled" in caplog.text


class TestTakingTurns:
    @pytest.fixture
    def told(self, watching: Watcher, tmp_path: Path) -> Changes:
        """What is told of the directories busy and quiet: after `1` all comes at once."""
        told = Changes()
        held, ready = threading.Event(), threading.Event()

        def hold_up(name: str | None) -> None:
            held.set()
            assert ready.wait(TIMEOUT)
            told.put(name)

        for directory in ("busy", "quiet"):
            (tmp_path / directory).mkdir()
            watching.watch(tmp_path / directory, hold_up, IN_MOVED_TO)
        (tmp_path / "file").touch()
        for name in ("busy/1", "busy/2", "busy/3", "busy/4", "quiet/a", "quiet/b"):
            os.link(tmp_path / "file", tmp_path / "moved")
            (tmp_path / "moved").rename(tmp_path / name)
            assert held.wait(TIMEOUT)
        ready.set()
        return told

    def test_a_directory_in_which_much_happens_holds_up_no_other(self, told: Changes) -> None:
        assert [told.next() for _ in range(6)] == ["1", "2", "a", "3", "b", "4"]

    def test_what_is_to_be_told_again_comes_after_what_waits_elsewhere(self, watching: Watcher, tmp_path: Path) -> None:
        told = Changes()

        def again(name: str | None) -> None:
            told.put(name)
            if told.qsize() == 1:
                (tmp_path / "quiet/a").touch()
                busy.again("rest")

        for directory in ("busy", "quiet"):
            (tmp_path / directory).mkdir()
        busy = watching.watch(tmp_path / "busy", again, IN_DELETE)
        watching.watch(tmp_path / "quiet", told.put, IN_CREATE)
        busy.again("begin")

        assert [told.next() for _ in range(3)] == ["begin", "a", "rest"]
        busy.close()
        busy.again("over")
        (tmp_path / "quiet/b").touch()
        assert told.next() == "b"

    def test_where_too_much_waits_its_owner_is_to_look_at_everything(
        self, watching: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> None:
        monkeypatch.setattr(watcher, "MAX_WAITING", 2)
        told = request.getfixturevalue("told")

        assert [told.next() for _ in range(4)] == ["1", None, "a", "b"]


class TestOpeningAndClosing:
    def test_a_closed_watch_tells_nothing_more(self, watching: Watcher, inbox: Path, changes: Changes) -> None:
        watch = watching.watch(inbox, changes.put)
        watch.close()
        (inbox / "a").touch()

        again = Changes()
        watching.watch(inbox, again.put)
        (inbox / "b").touch()

        again.until("b")
        assert changes.empty()

    def test_a_directory_is_watched_once(self, watching: Watcher, inbox: Path, changes: Changes) -> None:
        watching.watch(inbox, changes.put)

        with pytest.raises(FileExistsError):
            watching.watch(inbox, changes.put)

    def test_a_missing_directory_and_a_file_cannot_be_watched(
        self, watching: Watcher, inbox: Path, changes: Changes
    ) -> None:
        (inbox / "file").touch()

        with pytest.raises(FileNotFoundError):
            watching.watch(inbox / "nowhere", changes.put)
        with pytest.raises(NotADirectoryError):
            watching.watch(inbox / "file", changes.put)

    def test_a_watch_may_be_closed_from_its_own_callback(
        self, watching: Watcher, inbox: Path, changes: Changes
    ) -> None:
        def once(name: str | None) -> None:
            watch.close()
            changes.put(name)

        watch = watching.watch(inbox, once)
        watching.tick()

        assert changes.next() is None

    def test_closing_twice_and_ticking_afterwards_do_no_harm(self, inbox: Path, changes: Changes) -> None:
        closed = Watcher()
        closed.start()
        watch = closed.watch(inbox, changes.put)

        closed.close()
        closed.close()
        closed.tick()
        watch.close()

        assert changes.empty()


class TestReplacedDirectories:
    """Here the owner does its part: told None, it looks into the directory."""

    @pytest.fixture
    def owner(self, inbox: Path, changes: Changes) -> OnChange:
        def look(name: str | None) -> None:
            changes.put(name)
            if name is None and inbox.exists():
                for found in os.listdir(inbox):
                    changes.put(found)

        return look

    def test_in_one_that_was_replaced_files_are_found(
        self, watching: Watcher, inbox: Path, changes: Changes, owner: OnChange
    ) -> None:
        watching.watch(inbox, owner)

        inbox.rename(inbox.with_name("old"))
        inbox.mkdir()
        (inbox / "a").touch()

        changes.until("a")

    def test_one_that_is_gone_is_watched_again_once_it_is_back(
        self, watching: Watcher, inbox: Path, changes: Changes, owner: OnChange, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        watching.watch(inbox, owner)

        inbox.rmdir()
        changes.until(None)
        assert "No such file or directory; make it again" in caplog.text
        inbox.mkdir()
        while watching.polling:
            changes.next()
        (inbox / "a").touch()

        changes.until("a")
        assert f"{inbox} is watched again" in caplog.text

    def test_one_that_is_kept_open_is_noticed_at_a_tick_by_its_inode(
        self, watching: Watcher, inbox: Path, changes: Changes, owner: OnChange
    ) -> None:
        held = os.open(inbox, os.O_RDONLY)  # the kernel tells of no deletion as long as this is open
        watching.watch(inbox, owner)
        inbox.rmdir()
        inbox.mkdir()
        (inbox / "a").touch()

        watching.tick()

        changes.until("a")
        os.close(held)


class TestWithoutInotify:
    @pytest.fixture(autouse=True)
    def no_inotify(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watcher, "Inotify", NoInotify)
        monkeypatch.setattr(watcher, "POLL_INTERVAL", 0.01)

    def test_directories_are_scanned_again_and_again_and_the_log_says_what_to_raise(
        self, inbox: Path, changes: Changes, caplog: pytest.LogCaptureFixture
    ) -> None:
        blind = Watcher()
        blind.start()

        blind.watch(inbox, changes.put)

        assert [changes.next() for _ in range(3)] == [None, None, None]
        assert blind.polling
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "fs.inotify.max_user_instances" in caplog.text
        blind.close()

    def test_between_two_scans_the_thread_sleeps(
        self, inbox: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watcher, "POLL_INTERVAL", 3600)
        blind = Watcher()
        blind.start()
        blind.watch(inbox, changes.put)
        assert changes.next() is None

        for _ in range(50):  # each time it would take an early look, were it awake
            blind.tick()
            assert changes.next() is None
        blind.close()

        assert changes.empty()

    def test_an_instance_that_becomes_free_is_taken(
        self, inbox: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recovering = Watcher()
        recovering.start()
        recovering.watch(inbox, changes.put)
        changes.until(None)

        monkeypatch.setattr(watcher, "Inotify", inotify.Inotify)
        while recovering.polling:
            changes.next()
        (inbox / "a").touch()

        changes.until("a")
        recovering.close()


class TestWhoWritesJustToBeHeard:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rush, "MOST", 20)

    def test_is_not_heard_for_a_while_and_looked_at_then(
        self, inbox: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watcher, "POLL_INTERVAL", 0.01)
        said: queue.Queue[logging.LogRecord] = queue.Queue()
        told = QueueHandler(said)
        watcher.log.addHandler(told)
        clock = FakeClock()
        with closing(Watcher(clock.monotonic)) as resting:
            resting.start()
            resting.watch(inbox, changes.put, hostile=True)
            for number in range(200):
                (inbox / f"{number}.json").touch()
            assert said.get(timeout=TIMEOUT).getMessage().startswith(f"{inbox} changes more than")
            (inbox / "meanwhile.json").touch()
            clock.advance(rush.FIRST_REST)

            changes.until(None)

            (inbox / "afterwards.json").touch()
            assert changes.next() == "afterwards.json"  # and of what came meanwhile nothing
        watcher.log.removeHandler(told)
        assert said.empty()

    def test_is_looked_at_at_each_tick_meanwhile(
        self, watching: Watcher, inbox: Path, changes: Changes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rush, "FIRST_REST", 3600.0)
        monkeypatch.setattr(rush, "LONGEST_REST", 3600.0)
        watching.watch(inbox, changes.put, hostile=True)
        for number in range(200):
            (inbox / f"{number}.json").touch()
        watching.tick()

        changes.until(None)

    def test_costs_nobody_else_a_change(
        self, watching: Watcher, inbox: Path, tmp_path: Path, changes: Changes
    ) -> None:
        (tmp_path / "other").mkdir()
        watching.watch(inbox, lambda _: None, hostile=True)
        watching.watch(tmp_path / "other", changes.put)
        for number in range(200):
            (inbox / f"{number}.json").touch()
            (tmp_path / "other" / f"{number}.json").touch()

        for number in range(200):
            changes.until(f"{number}.json")
