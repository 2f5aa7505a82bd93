"""The channel, seen from the host: frames out, frames in, and an `out/` that lies."""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw.containers.channel import Channel, Channels
from openclaw.containers.litter import MAX_STRAYS
from openclaw.containers.reception import MAX_ENTRIES
from openclaw.errors import ChannelViolation, RuntimeFailure
from openclaw.message import Frame, FrameKind
from openclaw.message.frames import MAX_FRAME, MAX_SIGN
from openclaw.spool import DropDir, Watcher
from tests.support.doors import RecordingDoors
from tests.support.heard import Heard, listen, write
from tests.support.listing import shown

# Both directions


def test_a_new_channel_has_a_public_in_and_a_private_out(channel: Channel) -> None:
    assert (channel.path / "in").stat().st_mode & 0o777 == 0o755
    assert (channel.path / "out").stat().st_mode & 0o777 == 0o700


def test_a_request_lies_in_in_until_it_is_forgotten(channel: Channel) -> None:
    channel.send("request", "m1", {"attempt": 1})
    channel.send("request", "m2", {"attempt": 2})
    assert channel.pending() == {"m1": {"attempt": 1}, "m2": {"attempt": 2}}

    channel.forget("m1")

    assert list(channel.pending()) == ["m2"]
    assert shown(channel.path / "in") == ["m2.request.json"]


def test_answers_are_delivered_as_they_come(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})

    write(channel, "started", "m1")
    write(channel, "response", "m1", '{"status": "done", "text": "hi"}')

    assert heard.frame() == Frame("started", "m1", {})
    assert heard.frame() == Frame("response", "m1", {"status": "done", "text": "hi"})


def test_answers_from_before_listening_come_first_and_in_order(channel: Channel, heard: Heard) -> None:
    channel.send("request", "m1", {})
    write(channel, "response", "m1")
    write(channel, "started", "m1")

    listen(channel, heard)

    assert [heard.frames.get_nowait().kind for _ in range(2)] == ["started", "response"]


def test_each_frame_is_delivered_once_however_often_one_looks(channel: Channel, watcher: Watcher, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "started", "m1")
    assert heard.frame().kind == "started"

    watcher.tick()
    channel.send("request", "m2", {})
    write(channel, "started", "m2")

    assert heard.frame() == Frame("started", "m2", {})


def test_answers_stay_on_disk_until_they_are_forgotten(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "response", "m1", '{"text": "hi"}')
    heard.frame()
    assert channel.peek("response", "m1") == Frame("response", "m1", {"text": "hi"})

    channel.forget("m1")

    assert channel.peek("response", "m1") is None
    assert shown(channel.path / "out") == []


def test_what_cannot_be_removed_keeps_nothing_else_of_its_turn(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "response", "m1")
    heard.frame()
    (channel.path / "in/m1.request.json").unlink()
    (channel.path / "in/m1.request.json").mkdir()  # which no file system unlinks

    with pytest.raises(OSError, match="directory"):
        channel.forget("m1")

    assert shown(channel.path / "out") == []


def test_a_pong_is_removed_with_its_ping(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("ping", "p1", {})

    write(channel, "pong", "p1", '{"turns": 0}')

    assert heard.frame() == Frame("pong", "p1", {"turns": 0})
    assert shown(channel.path / "in") == []
    assert shown(channel.path / "out") == []


def test_an_answer_to_nothing_in_flight_is_dropped(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m2", {})

    write(channel, "response", "m1")
    write(channel, "response", "m2")

    assert heard.frame().id == "m2"
    assert shown(channel.path / "out") == ["m2.response.json"]


def test_a_request_beyond_the_frame_limit_is_refused(channel: Channel) -> None:
    with pytest.raises(RuntimeFailure, match="a frame takes"):
        channel.send("request", "m1", {"text": "x" * MAX_FRAME})


# Across a restart of the host


def test_a_channel_opened_again_knows_what_is_in_flight(channels: Channels, channel: Channel, heard: Heard) -> None:
    channel.send("request", "m1", {"attempt": 1})
    channel.close()
    write(channel, "response", "m1")
    assert channels.list() == ["c1"]

    again = channels.open("c1")
    assert again.pending() == {"m1": {"attempt": 1}}
    listen(again, heard)

    assert heard.frame().kind == "response"
    again.destroy()
    assert channels.list() == []


def test_a_channel_whose_directory_is_gone_says_so(channels: Channels) -> None:
    with pytest.raises(RuntimeFailure, match="is gone"):
        channels.open("c9")


def test_nothing_is_delivered_after_close(channel: Channel, watcher: Watcher, channels: Channels) -> None:
    first, second = Heard(), Heard()
    listen(channel, first)
    channel.send("request", "m1", {})
    channel.close()
    write(channel, "response", "m1")

    other = channels.open("c1")
    listen(other, second)

    assert second.frame().kind == "response"
    assert first.frames.empty()
    other.close()


def test_what_a_process_left_half_made_or_half_removed_is_swept(channels: Channels) -> None:
    whole = channels.create("whole")
    root = whole.path.parent
    (root / ".new.half" / "in").mkdir(parents=True)
    (root / ".gone.half" / "out").mkdir(parents=True)
    channels.sweep()
    channels.close()
    assert [entry.name for entry in root.iterdir()] == ["whole"]


@pytest.mark.parametrize("step", ["in", "out", "the descriptors"])
def test_of_a_channel_that_cannot_be_made_nothing_is_left(
    channels: Channels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole, made = Path.chmod, DropDir._open
    descriptors = len(os.listdir("/proc/self/fd"))

    def chmod(path: Path, mode: int) -> None:
        if path.name == step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, mode)

    def open_(directory: DropDir) -> int:
        if step == "the descriptors" and directory.path.name == "out":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return made(directory)

    monkeypatch.setattr(Path, "chmod", chmod)
    monkeypatch.setattr(DropDir, "_open", open_)

    with pytest.raises(RuntimeFailure, match=r"c9 cannot be made: (No space left|Too many open files)"):
        channels.create("c9")
    channels.close()

    assert os.listdir(tmp_path / "channels") == []
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_folder_that_is_no_channel_can_be_discarded(channels: Channels, channel: Channel) -> None:
    root = channel.path.parent
    (root / "half" / "in").mkdir(parents=True)
    with pytest.raises(RuntimeFailure):
        channels.open("half")
    channels.discard("half")
    channels.close()
    assert [entry.name for entry in root.iterdir()] == ["c1"]


def test_what_a_container_has_heaped_up_holds_up_nobody(
    channels: Channels, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever settles the last turn destroys the channel: delivery's thread, or the committer's."""
    go_on, removers = threading.Event(), set[str]()
    (channel.path / "out" / "heap").touch()
    unlink = os.unlink

    def held(name: str, *, dir_fd: int) -> None:
        removers.add(threading.current_thread().name)
        assert go_on.wait(10)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", held)

    channel.destroy()

    assert channels.list() == []
    go_on.set()
    channels.close()
    assert removers == {"disposal"}
    assert list(channel.path.parent.iterdir()) == []


def test_a_channel_may_be_destroyed_by_the_call_that_delivers(channel: Channel, channels: Channels) -> None:
    destroyed: queue.SimpleQueue[str] = queue.SimpleQueue()

    def on_frame(frame: Frame) -> None:
        channel.destroy()
        destroyed.put(frame.id)

    channel.listen(on_frame, lambda *_: None, destroyed.put)
    channel.send("request", "m1", {})
    write(channel, "response", "m1")

    assert destroyed.get(timeout=10) == "m1"
    assert channels.list() == []


# A hostile container


def symlink(out: Path, name: str) -> None:
    (out / name).symlink_to("/etc/passwd")


def hard_link(out: Path, name: str) -> None:
    (out / ".own").write_text("{}")
    os.link(out / ".own", out / name)


def fifo(out: Path, name: str) -> None:
    os.mkfifo(out / name)


def directory(out: Path, name: str) -> None:
    (out / name).mkdir()


def sparse_giant(out: Path, name: str) -> None:
    (out / ".giant").touch()
    os.truncate(out / ".giant", 1 << 40)
    (out / ".giant").rename(out / name)


def not_json(out: Path, name: str) -> None:
    (out / ".half").write_text('{"status": "do')
    (out / ".half").rename(out / name)


@pytest.mark.parametrize("plant", [symlink, hard_link, fifo, directory, sparse_giant, not_json])
@pytest.mark.parametrize("when", ["before listening", "while listening"])
def test_what_is_no_honest_file_is_a_violation(
    channel: Channel, heard: Heard, plant: Callable[[Path, str], None], when: str
) -> None:
    channel.send("request", "m1", {})
    if when == "while listening":
        listen(channel, heard)
    plant(channel.path / "out", "m1.response.json")
    if when == "before listening":
        listen(channel, heard)

    assert "m1.response.json from container c1" in heard.violation()
    with pytest.raises(ChannelViolation):
        channel.peek("response", "m1")
    channel.destroy()
    assert not channel.path.exists()
    assert heard.frames.empty()


@pytest.mark.parametrize("name", ["m2.response.json", "m2.events.jsonl"])
def test_a_directory_that_is_called_as_what_nobody_asked_for_is_a_violation(
    channel: Channel, heard: Heard, name: str
) -> None:
    """It cannot be unlinked: a container could move it back and forth, and fill the log with that."""
    channel.send("request", "m1", {})
    listen(channel, heard)
    directory(channel.path / "out", ".hidden")
    (channel.path / "out/.hidden").rename(channel.path / "out" / name)

    assert heard.violation() == f"{name} from container c1 is no file that can be removed"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file of another user")
def test_a_file_of_another_user_is_a_violation(channel: Channel, heard: Heard) -> None:
    channel.send("request", "m1", {})
    write(channel, "response", "m1")
    os.chown(channel.path / "out" / "m1.response.json", 4242, 4242)

    listen(channel, heard)

    assert "belongs to uid 4242" in heard.violation()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can hand a directory over")
def test_out_is_handed_over_to_the_containers_uid(tmp_path: Path, watcher: Watcher, heard: Heard) -> None:
    channel = Channels(tmp_path, watcher, uid=4242).create("c2")
    channel.send("request", "m1", {})
    assert (channel.path / "out").stat().st_uid == 4242
    write(channel, "response", "m1")
    os.chown(channel.path / "out" / "m1.response.json", 4242, 4242)

    listen(channel, heard)

    assert heard.frame().kind == "response"
    channel.close()


def test_a_few_strays_are_put_up_with_and_more_are_a_violation(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    for number in range(MAX_STRAYS):
        (channel.path / "out" / f"tool-{number}.tmp").touch()
    channel.send("request", "m1", {})
    write(channel, "started", "m1")
    assert heard.frame().kind == "started"

    (channel.path / "out" / "one-more.tmp").touch()

    assert "no frames" in heard.violation()


def test_who_speaks_of_what_it_was_not_given_is_not_heard_and_the_log_says_so_once(
    channel: Channel, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "response", "m2")
    write(channel, "call", "m2", number=1)
    write(channel, "started", "m1")

    assert heard.frame() == Frame("started", "m1", {})
    assert shown(channel.path / "out") == ["m1.started.json"]
    (record,) = caplog.records
    assert record.getMessage() == "m2.response.json from container c1 is about nothing that it was given: dropped"


def test_who_still_speaks_of_a_turn_that_was_given_up_means_no_harm(
    channel: Channel, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    channel.send("request", "m2", {})
    channel.forget("m1")
    write(channel, "response", "m1")
    write(channel, "response", "m2")

    assert heard.frame() == Frame("response", "m2", {})
    assert shown(channel.path / "out") == ["m2.response.json"]
    assert caplog.records == []


@pytest.mark.parametrize(("kind", "asked"), [("started", "request"), ("pong", "ping")])
def test_a_sign_that_says_more_than_a_sign_is_a_violation(
    channel: Channel, heard: Heard, kind: FrameKind, asked: FrameKind
) -> None:
    listen(channel, heard)
    channel.send(asked, "m1", {})
    write(channel, kind, "m1", '{"x": "' + "x" * MAX_SIGN + '"}')
    assert f"at most {MAX_SIGN}" in heard.violation()


def test_a_heap_of_hidden_files_is_a_violation_too(channel: Channel, heard: Heard) -> None:
    for number in range(MAX_ENTRIES + 1):
        (channel.path / "out" / f".hidden-{number}").touch()

    listen(channel, heard)

    assert f"more than {MAX_ENTRIES}" in heard.violation()


def test_what_many_turns_leave_until_they_are_settled_is_no_heap(channel: Channel, heard: Heard) -> None:
    turns = MAX_ENTRIES // 2 + 1
    for number in range(turns):
        channel.send("request", f"m{number}", {})
        write(channel, "started", f"m{number}")
        write(channel, "response", f"m{number}")
    listen(channel, heard)
    for _ in range(2 * turns):
        heard.frame()
    assert heard.violations.empty()


def test_the_end_of_a_turn_leaves_a_ping_of_its_id_alone(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "h1", {})
    channel.send("ping", "h1", {})
    channel.forget("h1")
    write(channel, "pong", "h1", '{"turns": 0}')
    assert heard.frame() == Frame("pong", "h1", {"turns": 0})


def test_a_violation_is_told_once_and_is_the_last_word(channel: Channel, watcher: Watcher, heard: Heard) -> None:
    channel.send("request", "m1", {})
    channel.send("request", "m2", {})
    fifo(channel.path / "out", "m1.response.json")
    listen(channel, heard)
    heard.violation()

    write(channel, "response", "m2")
    watcher.tick()
    watcher.close()

    assert heard.frames.empty()
    assert heard.violations.empty()


class TestTheWayToTheModel:
    @pytest.fixture
    def doors(self) -> RecordingDoors:
        return RecordingDoors()

    @pytest.fixture
    def channels(self, tmp_path: Path, watcher: Watcher, doors: RecordingDoors) -> Channels:
        return Channels(tmp_path / "channels", watcher, doors=doors)

    def test_a_container_of_a_group_has_a_door_in_a_directory_of_its_own(
        self, channels: Channels, doors: RecordingDoors
    ) -> None:
        channel = channels.create("c9", "friends")
        admitted = doors.admitted.get_nowait()
        assert admitted[:3] == ("c9", "friends", channel.path / "gw")
        assert admitted.directory.stat().st_mode & 0o777 == 0o755
        channel.destroy()

    def test_turns_are_in_flight_from_their_request_until_they_are_forgotten(
        self, channels: Channels, doors: RecordingDoors
    ) -> None:
        channel = channels.create("c9", "friends")
        in_flight = doors.admitted.get_nowait().in_flight
        seen = [in_flight("m1")]
        channel.send("ping", "m1", {})
        seen.append(in_flight("m1"))
        channel.send("request", "m1", {})
        seen.append(in_flight("m1"))
        channel.forget("m1")
        assert [*seen, in_flight("m1")] == [False, False, True, False]
        channel.destroy()

    def test_its_door_is_closed_with_the_channel_and_once(self, channels: Channels, doors: RecordingDoors) -> None:
        channel = channels.create("c9", "friends")
        assert doors.dismissed.empty()
        channel.close()
        channel.destroy()
        assert doors.dismissed.get_nowait() == "c9"
        assert doors.dismissed.empty()

    def test_a_channel_that_is_there_already_gets_one_too(self, channels: Channels, doors: RecordingDoors) -> None:
        channels.create("c9").close()
        again = channels.open("c9")
        assert doors.admitted.empty()
        channels.open_door(again, "friends")
        assert doors.admitted.get_nowait()[:3] == ("c9", "friends", again.path / "gw")
        again.destroy()

    def test_where_no_door_can_be_opened_there_is_no_channel(
        self, channels: Channels, doors: RecordingDoors, tmp_path: Path
    ) -> None:
        doors.refusal = "no space left"
        with pytest.raises(RuntimeFailure, match="no space left"):
            channels.create("c9", "friends")
        channels.close()  # what was given up is removed by now
        assert os.listdir(tmp_path / "channels") == []

    def test_without_a_gateway_the_directory_is_empty(self, channel: Channel) -> None:
        assert os.listdir(channel.path / "gw") == []
