"""A container that is too fast is heard as far as its owner comes along, loses nothing, and holds up nobody else."""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers import litter
from openclaw.containers.channel import Channel, Channels
from openclaw.containers.open_calls import MAX_OPEN
from openclaw.containers.pace import AHEAD, AHEAD_PER_TURN, BYTES_AHEAD
from openclaw.message import FrameKind, FrameName
from openclaw.message.frames import MAX_EVENT, SIDE_CALLS, STAGING
from openclaw.spool import DropDir, Origin, Taken, Watcher, taking
from tests.support.heard import Heard, listen, write
from tests.support.listing import shown

LIMIT = AHEAD + AHEAD_PER_TURN
"""What may be ahead of a container's owner, with one turn in flight."""


class Owner(Heard):
    """One that is told when it has heard enough."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: queue.SimpleQueue[None] = queue.SimpleQueue()

    def listen(self, channel: Channel) -> None:
        channel.listen(self.frames.put, self.on_events, self.violations.put, lambda: self.pauses.put(None))


def call_often(channel: Channel, count: int) -> None:
    for number in range(1, count + 1):
        (channel.path / "out" / f"m1.{number}.call.json").write_text("{}")


def say_often(channel: Channel, count: int, heard: Owner) -> None:
    """Events that are looked at one by one."""
    with (channel.path / "out/m1.events.jsonl").open("a") as file:
        for _ in range(count):
            file.write('{"kind":"delta","text":""}\n')
            file.flush()
            heard.event()


def append_events(channel: Channel, size: int) -> int:
    """Events of `size` bytes at least; how many they are."""
    line = '{"kind":"delta","text":"' + "x" * (MAX_EVENT // 2) + '"}\n'
    count = size // len(line) + 1
    with (channel.path / "out/m1.events.jsonl").open("a") as file:
        file.write(line * count)
    return count


@pytest.fixture
def passed(watcher: Watcher, tmp_path: Path) -> Callable[[], None]:
    """Returns when the watcher has told the one frame that was written just before."""
    told = threading.Event()
    mark = tmp_path / "marks"
    mark.mkdir()
    watcher.watch(mark, lambda _: told.set())

    def wait() -> None:
        (mark / "one").touch()
        assert told.wait(10)

    return wait


class TestCalls:
    def test_a_turn_has_so_many_open_and_each_result_lets_the_next_one_in(self, channel: Channel, heard: Heard) -> None:
        channel.send("request", "m1", {})
        call_often(channel, SIDE_CALLS[-1])
        listen(channel, heard)

        first = [heard.frames.get_nowait().number for _ in range(MAX_OPEN)]
        assert heard.frames.empty()

        seen = list(first)
        for number in first:
            channel.answer(FrameName("call", "m1", number), {"value": {}})
            seen.append(heard.frame().number)
        assert len(set(seen)) == 2 * MAX_OPEN
        assert heard.frames.empty()

    def test_all_are_answered_in_the_end_and_each_is_heard_once(self, channel: Channel, heard: Heard) -> None:
        count = 3 * MAX_OPEN
        channel.send("request", "m1", {})
        call_often(channel, count)
        listen(channel, heard)

        seen = []
        for _ in range(count):
            seen.append(heard.frame().number)
            channel.answer(FrameName("call", "m1", seen[-1]), {"value": {}})

        assert sorted(seen) == list(range(1, count + 1))
        assert shown(channel.path / "out") == []

    def test_a_turn_that_calls_too_often_holds_up_no_other(self, channel: Channel, heard: Heard) -> None:
        channel.send("request", "m1", {})
        channel.send("request", "m2", {})
        call_often(channel, 2 * MAX_OPEN)
        write(channel, "call", "m2", number=1)
        write(channel, "started", "m2")
        listen(channel, heard)

        kinds = [(frame.kind, frame.id) for frame in (heard.frames.get_nowait() for _ in range(MAX_OPEN + 2))]
        assert {("call", "m2"), ("started", "m2")} <= set(kinds)

    def test_one_that_is_gone_when_it_may_come_makes_room_for_the_next(self, channel: Channel, heard: Heard) -> None:
        channel.send("request", "m1", {})
        call_often(channel, MAX_OPEN + 2)
        listen(channel, heard)
        delivered = {heard.frames.get_nowait().number for _ in range(MAX_OPEN)}
        waiting = sorted(set(range(1, MAX_OPEN + 3)) - delivered, key=str)  # by name, as they were seen
        (channel.path / "out" / f"m1.{waiting[0]}.call.json").unlink()

        channel.answer(FrameName("call", "m1", delivered.pop()), {"value": {}})

        assert heard.frame().number == waiting[1]

    def test_the_end_of_a_turn_takes_those_that_wait_with_it(self, channel: Channel, heard: Heard) -> None:
        channel.send("request", "m1", {})
        call_often(channel, 2 * MAX_OPEN)
        listen(channel, heard)
        channel.forget("m1")
        assert shown(channel.path / "out") == []

    def test_one_that_was_answered_is_not_read_again_and_not_removed_for_ever(
        self, channel: Channel, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(litter, "MAX_LATE", 2)
        listen(channel, heard)
        channel.send("request", "m1", {})
        channel.send("result", "m1", {"value": {}}, 1)
        for number in (2, 3):
            write(channel, "call", "m1", "this would be a violation", number=1)
            write(channel, "call", "m1", number=number)
            assert heard.frame().number == number
        write(channel, "call", "m1", number=1)

        assert heard.violation() == "container c1 has written 2 frames that nobody waits for"


class TestAhead:
    def test_an_owner_that_has_heard_enough_hears_nothing_more_until_it_has_handled_that(
        self, channel: Channel, passed: Callable[[], None]
    ) -> None:
        owner = Owner()
        owner.listen(channel)
        channel.send("request", "m1", {})
        say_often(channel, LIMIT, owner)
        owner.pauses.get(timeout=10)

        write(channel, "response", "m1")
        passed()

        assert owner.frames.empty()
        channel.go_on()
        assert owner.frame().kind == "response"
        assert owner.pauses.empty()

    def test_bytes_count_too_and_nothing_is_lost(self, channel: Channel) -> None:
        said: queue.SimpleQueue[list[int] | str] = queue.SimpleQueue()
        channel.send("request", "m1", {})
        count = append_events(channel, 3 * BYTES_AHEAD)
        write(channel, "response", "m1")
        channel.listen(
            lambda frame: said.put(frame.kind),
            lambda _, events: said.put([event.number for event in events]),
            said.put,
            lambda: said.put("enough"),
        )

        heard: list[int] = []
        pauses = 0
        while (what := said.get(timeout=10)) != "response":
            if isinstance(what, str):
                assert what == "enough"
                pauses += 1
                assert said.empty()
                assert len(heard) * MAX_EVENT // 2 <= pauses * (BYTES_AHEAD + MAX_EVENT)
                channel.go_on()
            else:
                heard += what
        assert heard == list(range(1, count + 1))
        assert pauses == 3

    def test_others_are_heard_meanwhile(self, channels: Channels, channel: Channel) -> None:
        owner, other = Owner(), Owner()
        channel.send("request", "m1", {})
        append_events(channel, 3 * BYTES_AHEAD)
        owner.listen(channel)
        owner.pauses.get(timeout=10)

        quiet = channels.create("c2")
        other.listen(quiet)
        quiet.send("request", "m2", {})
        write(quiet, "started", "m2")

        assert other.frame().kind == "started"
        quiet.close()

    def test_what_is_to_go_is_not_heard_any_more_and_can_still_be_looked_into(
        self, channel: Channel, passed: Callable[[], None]
    ) -> None:
        owner = Owner()
        owner.listen(channel)
        channel.send("request", "m1", {})
        channel.stop_listening()
        write(channel, "response", "m1", '{"text": "hi"}')
        passed()

        assert owner.frames.empty()
        left = channel.peek("response", "m1")
        assert left is not None
        assert left.body == {"text": "hi"}
        channel.forget("m1")
        assert shown(channel.path / "out") == []


@pytest.mark.parametrize("kind", ["response", "call"])
def test_a_host_that_can_open_no_more_files_blames_no_container_and_looks_again_at_the_tick(
    channel: Channel, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, passed: Callable[[], None], kind: FrameKind
) -> None:
    owner = Owner()
    owner.listen(channel)
    channel.send("request", "m1", {})

    def short(*_: object, **__: object) -> Taken:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(DropDir, "read", short)
        write(channel, kind, "m1", number=1 if kind == "call" else 0)
        passed()
    assert owner.frames.empty()

    watcher.tick()

    assert owner.frame().kind == kind
    assert owner.violations.empty()


def test_a_frame_whose_turn_is_forgotten_while_it_is_read_is_not_written_over_by_the_container(
    channel: Channel, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = channel.path / "out"
    for turn in ("m1", "m2"):
        channel.send("request", turn, {})
    write(channel, "response", "m1", '{"answer": "of the first"}')

    def open_slowly(dir_fd: int, name: str, uid: int | None) -> tuple[int, os.stat_result]:
        opened = open_regular(dir_fd, name, uid)
        if name == "m1.response.json":
            channel.forget("m1")
            with closing(DropDir(out, staging=out / STAGING)) as runner:
                runner.place("m2.response.json", b"{}")
        return opened

    open_regular = taking.open_regular
    monkeypatch.setattr(taking, "open_regular", open_slowly)
    listen(channel, heard)

    assert {heard.frame().id, heard.frame().id} == {"m1", "m2"}
    assert heard.violations.empty()


def test_events_that_go_with_their_turn_while_they_are_looked_at_are_no_violation(
    channel: Channel, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for turn in ("m1", "m2"):
        channel.send("request", turn, {})
    (channel.path / "out/m1.events.jsonl").write_text('{"kind":"delta","text":""}\n')
    write(channel, "response", "m2")

    def forget_first(directory: DropDir, name: str) -> Origin:
        if name == "m1.events.jsonl":
            channel.forget("m1")
        return origin(directory, name)

    origin = DropDir.origin
    monkeypatch.setattr(DropDir, "origin", forget_first)
    listen(channel, heard)

    assert heard.frame().id == "m2"
    assert heard.violations.empty()
