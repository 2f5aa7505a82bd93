from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.errors import IdConflict, NotDurable, QueueFull, StartupError, UnknownGroup
from openclaw.intake.drop import MAX_BATCH, Inbox
from openclaw.intake.handover import MAX_FILE, Places, fit_stem
from openclaw.intake.settling import GRACE
from openclaw.message import is_name
from openclaw.spool import Committer, DropDir, Watcher, claim, claims
from tests.support.clock import FakeClock, ManualTimers
from tests.support.desk import FakeDesk
from tests.support.file_events import FileEvents

TIMEOUT = 10.0
HELLO = '{"text": "hello"}'


class Drops:
    """An inbox with everything around it real but the desk and the time."""

    def __init__(self, root: Path) -> None:
        self.ipc = root / "ipc"
        self.places = Places(*(DropDir(self.ipc / name) for name in Places._fields))
        self.desk = FakeDesk()
        self.timers = ManualTimers(FakeClock())
        self.watcher = Watcher()
        self.committer = Committer(sync=False)
        self.inbox = self._new_inbox()
        self._events = FileEvents(*(directory.path for directory in self.places))
        self.watcher.start()
        self.committer.start()

    def _new_inbox(self, *, booted: bool = False) -> Inbox:
        return Inbox(
            self.places,
            desk=self.desk,
            committer=self.committer,
            watcher=self.watcher,
            alarms=self.timers,
            clock=self.timers.clock,
            booted=booted,
        )

    def restart(self, *, booted: bool = False) -> None:
        """As another process would go on; `booted`: after the machine was started again."""
        self.inbox.close()
        self.inbox = self._new_inbox(booted=booted)
        self.inbox.start()

    def close(self) -> None:
        self.inbox.close()
        self.committer.close()
        self.watcher.close()
        self._events.close()
        for directory in self.places:
            directory.close()

    def drop(self, name: str, text: str = HELLO) -> Path:
        """As `mv` would."""
        path = self.ipc / "inbox" / name
        path.with_name(f".{name}").write_text(text)
        return path.with_name(f".{name}").rename(path)

    def wait_for(self, *names: str) -> None:
        """Block until all of these files, named from ipc/, are there."""
        self._events.until(lambda: all(os.path.lexists(self.ipc / name) for name in names))

    def wait_gone(self, *names: str) -> None:
        self._events.until(lambda: not any(os.path.lexists(self.ipc / name) for name in names))

    def wait_unclaimed(self) -> None:
        self._events.until(lambda: not claims(self.places.work))

    def reason(self, name: str) -> dict[str, object]:
        """Why ipc/failed/NAME.json is there."""
        self.wait_for(f"failed/{name}.reason.json", f"failed/{name}.json")
        reason: dict[str, object] = json.loads((self.ipc / "failed" / f"{name}.reason.json").read_bytes())
        return reason


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[Drops]:
    """An inbox that is not started yet."""
    scene = Drops(tmp_path)
    yield scene
    scene.close()


@pytest.fixture
def running(drops: Drops) -> Drops:
    drops.inbox.start()
    return drops


class TestWaysToDrop:
    def test_a_moved_in_file_becomes_a_message_with_the_stem_as_its_id(self, running: Drops) -> None:
        running.drop("hello.json")

        message = running.desk.next_accepted()
        assert (message.id, message.text) == ("hello", "hello")
        running.wait_gone("inbox/hello.json")
        running.wait_unclaimed()

    def test_echo_works(self, running: Drops) -> None:
        target = running.ipc / "inbox" / "echoed.json"

        subprocess.run(["sh", "-c", f"echo '{HELLO}' > {target}"], check=True, timeout=TIMEOUT)

        assert running.desk.next_accepted().id == "echoed"

    def test_a_copy_works(self, running: Drops, tmp_path: Path) -> None:
        (tmp_path / "source").write_text(HELLO)

        subprocess.run(["cp", tmp_path / "source", running.ipc / "inbox" / "copied.json"], check=True, timeout=TIMEOUT)

        assert running.desk.next_accepted().id == "copied"

    def test_a_hard_link_works_and_leaves_the_other_name_alone(self, running: Drops, tmp_path: Path) -> None:
        (tmp_path / "kept").write_text(HELLO)

        os.link(tmp_path / "kept", running.ipc / "inbox" / "linked.json")

        assert running.desk.next_accepted().id == "linked"
        running.wait_unclaimed()
        assert (tmp_path / "kept").read_text() == HELLO

    def test_a_template_linked_in_again_is_another_message(self, running: Drops, tmp_path: Path) -> None:
        template = tmp_path / "template.json"
        template.write_text(HELLO)
        for number in range(3):
            os.link(template, running.ipc / "inbox" / "job.json")
            running.wait_gone("inbox/job.json")
            assert running.desk.next_accepted().id == ("job" if number == 0 else f"job-{number + 1}")
            running.wait_unclaimed()

    @pytest.mark.parametrize("booted", [True, False])
    def test_what_lies_there_at_the_first_start_after_a_boot_may_have_been_accepted_before(
        self, running: Drops, *, booted: bool
    ) -> None:
        running.drop("hello.json")
        assert not running.desk.batches.get(timeout=TIMEOUT)[0].again
        running.inbox.close()
        running.drop("back.json")  # as a power cut may bring it back, whose renaming was not on the disk yet
        running.restart(booted=booted)
        assert running.desk.batches.get(timeout=TIMEOUT)[0].again is booted
        running.drop("new.json")
        assert not running.desk.batches.get(timeout=TIMEOUT)[0].again

    def test_files_that_lie_there_at_the_start_are_taken_oldest_first(self, drops: Drops) -> None:
        for name, mtime in (("c.json", 1), ("a.json", 2), ("b.json", 2)):
            os.utime(drops.drop(name), (mtime, mtime))

        drops.inbox.start()

        assert [drops.desk.next_accepted().id for _ in range(3)] == ["c", "a", "b"]

    def test_many_files_are_taken_in_batches_and_in_order(self, drops: Drops) -> None:
        for number in range(200):
            os.utime(drops.drop(f"m{number}.json"), (number, number))

        drops.inbox.start()

        assert [drops.desk.next_accepted().id for _ in range(200)] == [f"m{number}" for number in range(200)]
        assert [len(drops.desk.batches.get_nowait()) for _ in range(4)] == [MAX_BATCH, MAX_BATCH, MAX_BATCH, 8]

    def test_the_inbox_is_closed_to_other_users(self, drops: Drops) -> None:
        drops.places.inbox.path.chmod(0o777)

        drops.inbox.start()

        assert drops.places.inbox.path.stat().st_mode & 0o777 == 0o700

    def test_a_replaced_inbox_is_found_again(self, running: Drops) -> None:
        running.places.inbox.path.rename(running.ipc / "old")
        running.places.inbox.path.mkdir(exist_ok=True)  # the service may have made it again by now
        running.drop("hello.json")
        running.watcher.tick()

        assert running.desk.next_accepted().id == "hello"

    def test_one_that_was_removed_and_made_again_is_seen_at_once(self, running: Drops) -> None:
        """The kernel is silent about a folder that we hold open: its parent tells that there is one of its name."""
        running.places.inbox.path.rmdir()
        running.places.inbox.path.mkdir(exist_ok=True)
        running.drop("hello.json")

        assert running.desk.next_accepted().id == "hello"


class TestNames:
    def test_a_message_may_bring_its_own_id(self, running: Drops) -> None:
        running.drop("hello.json", '{"text": "hello", "id": "mine"}')

        assert running.desk.next_accepted().id == "mine"
        running.wait_for("outbox/mine.accepted.json")
        told = json.loads((running.ipc / "outbox" / "mine.accepted.json").read_bytes())
        assert told == {"id": "mine", "file": "hello.json"}

    def test_a_stem_in_use_is_numbered_and_the_sender_told(self, running: Drops) -> None:
        running.drop("hello.json")
        running.wait_gone("inbox/hello.json")
        running.wait_unclaimed()
        running.drop("hello.json", '{"text": "again"}')

        running.wait_for("outbox/hello-2.accepted.json")
        assert not (running.ipc / "outbox" / "hello.accepted.json").exists()

    @pytest.mark.parametrize(
        ("name", "stem"),
        [
            ("hello.json", "hello"),
            ("Re_port-7.json", "Re_port-7"),
            ("two words (1).json", "two-words--1-"),
            ("v1.2.json", "v1-2"),
            ("--flag.json", "flag"),
            ("é.json", "message"),
            ("x" * 80 + ".json", "x" * 56),
        ],
    )
    def test_any_file_name_gives_a_fit_stem(self, name: str, stem: str) -> None:
        assert fit_stem(name) == stem
        assert is_name(f"{stem}-10000")

    def test_a_name_that_is_not_utf8_is_taken(self, running: Drops) -> None:
        running.drop(os.fsdecode(b"caf\xe9.json"))

        assert running.desk.next_accepted().id == "caf-"
        running.wait_for("outbox/caf-.accepted.json")
        told = json.loads((running.ipc / "outbox" / "caf-.accepted.json").read_bytes())
        assert told["file"] == "caf\ufffd.json"

    def test_other_names_are_left_alone_and_said_once(self, running: Drops, caplog: pytest.LogCaptureFixture) -> None:
        running.drop("notes.txt")
        for name in ("a.json", "b.json"):
            running.drop(name)
            running.desk.next_accepted()

        assert (running.ipc / "inbox" / "notes.txt").exists()
        assert caplog.text.count("'notes.txt' is left alone") == 1


class TestUnfinishedFiles:
    def test_a_half_written_file_is_waited_for(self, running: Drops) -> None:
        with open(running.ipc / "inbox" / "slow.json", "w") as file:
            print('{"text": ', file=file, flush=True)
            running.drop("quick.json")
            assert running.desk.next_accepted().id == "quick"
            print('"slow"}', file=file, flush=True)

        assert running.desk.next_accepted().text == "slow"

    def test_a_file_written_in_two_goes_is_one_message(self, running: Drops) -> None:
        path = running.ipc / "inbox" / "two.json"
        path.write_text('{"text": ')
        running.timers.wait_pending()
        with open(path, "a") as file:
            file.write('"both"}')

        assert running.desk.next_accepted().text == "both"

    def test_one_that_nobody_finishes_fails_after_the_grace(self, running: Drops) -> None:
        running.drop("half.json", '{"text": "hel')
        running.timers.wait_pending()
        running.timers.advance(GRACE)

        reason = running.reason("half")
        assert (reason["title"], reason["status"]) == ("Invalid message", 400)
        assert "not valid JSON" in str(reason["detail"])
        assert (running.ipc / "failed" / "half.json").read_text() == '{"text": "hel'

    def test_an_empty_file_fails_after_the_grace(self, running: Drops) -> None:
        running.drop("empty.json", "")
        running.timers.wait_pending()
        running.timers.advance(GRACE)

        assert "empty" in str(running.reason("empty")["detail"])

    def test_a_file_that_its_owner_takes_away_again_is_no_error(self, running: Drops) -> None:
        running.drop("gone.json", "{").unlink()
        running.drop("next.json")

        assert running.desk.next_accepted().id == "next"


class TestWhatCannotBeTaken:
    @pytest.mark.parametrize(
        ("text", "detail"),
        [
            ('{"txt": "hello"}', "unknown key 'txt'"),
            ("{}", 'a message needs "text"'),
            ('{"text": 7}', '"text" must be a string'),
            ('{"text": "hello", "id": "../x"}', '"id" must be'),
        ],
    )
    def test_an_object_that_is_no_message_fails_at_once(self, running: Drops, text: str, detail: str) -> None:
        running.drop("bad.json", text)

        assert detail in str(running.reason("bad")["detail"])

    def test_json_that_is_no_object_fails(self, running: Drops) -> None:
        running.drop("list.json", "[1, 2]")
        running.timers.wait_pending()
        running.timers.advance(GRACE)

        assert "one object" in str(running.reason("list")["detail"])

    def test_a_huge_file_fails_unread(self, running: Drops) -> None:
        running.drop("huge.json", " " * (MAX_FILE + 1))

        assert f"at most {MAX_FILE}" in str(running.reason("huge")["detail"])

    def test_the_largest_file_is_taken(self, running: Drops) -> None:
        running.drop("large.json", HELLO.ljust(MAX_FILE))

        assert running.desk.next_accepted().id == "large"

    def test_a_symbolic_link_a_fifo_and_a_directory_fail_without_being_opened(
        self, running: Drops, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text(HELLO)
        (running.ipc / "inbox" / "link.json").symlink_to(tmp_path / "secret")
        os.mkfifo(running.ipc / "inbox" / "fifo.json")
        (running.ipc / "inbox" / "folder.json").mkdir()

        assert "a symbolic link" in str(running.reason("link")["detail"])
        assert "a FIFO" in str(running.reason("fifo")["detail"])
        assert "a directory" in str(running.reason("folder")["detail"])
        assert running.desk.accepted.empty()

    def test_what_the_desk_refuses_fails_with_its_words(self, running: Drops) -> None:
        running.desk.refusals.append(UnknownGroup("there is no group 'x'"))
        running.drop("a.json")
        assert running.reason("a")["detail"] == "there is no group 'x'"

        running.desk.refusals.append(IdConflict("the id was used with other content"))
        running.drop("b.json")
        assert running.reason("b")["status"] == 409

    def test_one_bad_file_holds_no_other_up(self, drops: Drops) -> None:
        for number in range(3):
            os.utime(drops.drop(f"m{number}.json", "{}" if number == 1 else HELLO), (number, number))

        drops.inbox.start()

        assert [drops.desk.next_accepted().id for _ in range(2)] == ["m0", "m2"]
        drops.reason("m1")

    def test_a_second_failure_of_one_name_is_kept_beside_the_first(self, running: Drops) -> None:
        for name in ("bad", "bad-2"):
            running.drop("bad.json", "{}")
            running.reason(name)


class TestWhenItCannotBeStoredJustNow:
    @pytest.mark.parametrize("refusal", [QueueFull("the queue is full"), NotDurable("the disk is full")])
    def test_the_file_goes_back_and_is_tried_again_after_a_pause(
        self, running: Drops, refusal: QueueFull | NotDurable
    ) -> None:
        running.desk.refusals.append(refusal)
        running.drop("later.json")
        running.timers.wait_pending()
        assert (running.ipc / "inbox" / "later.json").read_text() == HELLO
        assert claims(running.places.work) == []

        running.timers.advance(1.0)

        assert running.desk.next_accepted().id == "later"
        running.wait_gone("inbox/later.json")

    def test_the_pauses_grow_to_five_seconds_and_begin_anew_after_a_success(self, running: Drops) -> None:
        running.desk.refusals += [QueueFull("full")] * 5
        running.drop("later.json")
        for pause in (1.0, 2.0, 4.0, 5.0, 5.0):
            running.timers.wait_pending()
            assert running.timers.delays() == [pause]
            running.timers.advance(pause)
        running.desk.next_accepted()

        running.desk.refusals.append(QueueFull("full"))
        running.drop("another.json")

        running.timers.wait_pending()
        assert running.timers.delays() == [1.0]

    def test_why_is_said_once_until_it_is_another_reason_or_files_are_taken_again(
        self, running: Drops, caplog: pytest.LogCaptureFixture
    ) -> None:
        running.desk.refusals += [QueueFull("full"), QueueFull("full"), NotDurable("no space"), NotDurable("no space")]
        running.drop("later.json")
        for pause in (1.0, 2.0, 4.0, 5.0):
            running.timers.wait_set(pause)
            running.timers.advance(pause)
        running.desk.next_accepted()
        running.desk.refusals.append(QueueFull("full"))
        running.drop("another.json")
        running.timers.wait_pending()

        said = [message.rpartition(": ")[2] for message in caplog.messages if "is tried again soon" in message]
        assert said == ["full", "no space", "full"]

    def test_nothing_is_taken_during_a_pause(self, running: Drops) -> None:
        running.desk.refusals.append(QueueFull("full"))
        running.drop("first.json")
        running.timers.wait_pending()
        running.desk.batches.get(timeout=TIMEOUT)

        running.drop("second.json")
        running.watcher.tick()
        assert (running.ipc / "inbox" / "second.json").exists()
        running.timers.advance(1.0)

        assert len(running.desk.batches.get(timeout=TIMEOUT)) == 2

    def test_a_new_file_of_the_same_name_is_not_overwritten(self, running: Drops) -> None:
        held = threading.Event()
        proceed = threading.Event()

        def accept_all(_: object) -> list[QueueFull]:
            held.set()
            assert proceed.wait(TIMEOUT)
            return [QueueFull("full")]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(running.desk, "accept_all", accept_all)
            running.drop("same.json", '{"text": "first"}')
            assert held.wait(TIMEOUT)
            running.drop("same.json", '{"text": "second"}')
            proceed.set()
            running.timers.wait_pending()
        running.timers.advance(1.0)

        assert [running.desk.next_accepted().text for _ in range(2)] == ["first", "second"]

    def test_a_mistake_of_ours_is_logged_and_the_file_tried_again(
        self, running: Drops, caplog: pytest.LogCaptureFixture
    ) -> None:
        def mistaken(_: object) -> list[QueueFull]:
            raise ZeroDivisionError

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(running.desk, "accept_all", mistaken)
            running.drop("hello.json")
            running.timers.wait_pending()
        running.timers.advance(1.0)

        assert running.desk.next_accepted().id == "hello"
        assert "Dropped files could not be taken" in caplog.text

    def test_a_receipt_that_cannot_be_stored_is_tried_again_and_the_message_stays_one(
        self, running: Drops, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        (running.ipc / "outbox" / "mine.accepted.json").mkdir()
        running.drop("hello.json", '{"text": "hello", "id": "mine"}')
        running.timers.wait_pending()
        (running.ipc / "outbox" / "mine.accepted.json").rmdir()

        running.timers.advance(1.0)

        running.wait_for("outbox/mine.accepted.json")
        running.wait_unclaimed()
        assert running.desk.accepted.qsize() == 1


class TestAfterARestart:
    def test_claims_that_were_left_come_first(self, drops: Drops) -> None:
        drops.drop("claimed.json")
        claim(drops.places.inbox, "claimed.json", drops.places.work)
        os.utime(drops.drop("older.json"), (1, 1))

        drops.inbox.start()

        assert [drops.desk.next_accepted().id for _ in range(2)] == ["claimed", "older"]
        drops.wait_unclaimed()

    def test_a_file_that_was_accepted_before_the_death_is_not_accepted_again(self, drops: Drops) -> None:
        drops.drop("hello.json", '{"text": "hello", "id": "mine"}')
        taken = claim(drops.places.inbox, "hello.json", drops.places.work)
        # The death comes between the desk's receipt and the removal of the claim, which a second name stands for.
        os.link(drops.ipc / "work" / taken.name, drops.ipc / "work" / f".claim.earlier-0.{taken.original}")

        drops.inbox.start()

        assert len(drops.desk.batches.get(timeout=TIMEOUT)) == 2
        drops.wait_unclaimed()
        assert drops.desk.accepted.qsize() == 1

    def test_a_claim_keeps_its_origin(self, drops: Drops) -> None:
        drops.drop("hello.json")
        origin = drops.places.inbox.origin("hello.json")
        claim(drops.places.inbox, "hello.json", drops.places.work)

        drops.inbox.start()

        assert drops.desk.batches.get(timeout=TIMEOUT)[0].origin == origin

    def test_a_claim_that_is_no_message_fails(self, drops: Drops) -> None:
        drops.drop("bad.json", "{}")
        claim(drops.places.inbox, "bad.json", drops.places.work)

        drops.inbox.start()

        drops.reason("bad")
        drops.wait_unclaimed()

    def test_what_was_not_taken_before_the_end_is_taken_by_the_next(self, running: Drops) -> None:
        running.desk.refusals.append(QueueFull("full"))
        running.drop("hello.json")
        running.timers.wait_pending()

        running.restart()

        assert running.desk.next_accepted().id == "hello"


def test_directories_on_different_file_systems_stop_the_start(drops: Drops, tmp_path: Path) -> None:
    if os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system here")
    other = DropDir(Path("/dev/shm") / f"openclaw-test-{os.getpid()}")
    inbox = Inbox(
        drops.places._replace(work=other),
        desk=drops.desk,
        committer=drops.committer,
        watcher=drops.watcher,
        alarms=drops.timers,
        clock=drops.timers.clock,
        booted=False,
    )

    with pytest.raises(StartupError, match="one file system"):
        inbox.start()

    other.path.rmdir()
    other.close()
