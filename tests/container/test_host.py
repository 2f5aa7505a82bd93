"""TurnHost: a turn's calls are numbered, and what it tells is read by the host's own reader, line by line."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent_runner.calls import Calls
from agent_runner.channel import Outgoing
from agent_runner.engines import Task
from agent_runner.host import TurnHost
from agent_runner.turn import Turn
from openclaw.containers.event_tail import EventTail
from openclaw.errors import CallRefused
from openclaw.message import Message
from openclaw.message.frames import MAX_CALLS, MAX_EVENT, MAX_EVENT_LINES, MAX_EVENTS
from openclaw.spool import DropDir
from tests.support.listing import shown

TIMEOUT = 10.0


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.fixture
def turn() -> Turn:
    return Turn(Task(Message("hello", id="a"), limit=TIMEOUT))


@pytest.fixture
def host(out: Path, turn: Turn) -> Iterator[TurnHost]:
    with closing(TurnHost(turn, Calls(lambda *_: None), Outgoing(out).open_events)) as host:
        yield host


def events(out: Path) -> list[dict[str, Any]]:
    """What the host reads of the turn's events."""
    tail = EventTail(DropDir(out), "a", os.getuid())
    with closing(tail):
        found = tail.read()
        while tail.behind:
            found += tail.read()
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    return [event.body for event in found]


def side_by_side(count: int, act: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)


def test_events_are_read_by_the_host_in_their_order(host: TurnHost, out: Path) -> None:
    host.delta("Hel")
    host.delta("lo\n")
    host.tool("Bash", "ls")
    host.tool("Glob")

    assert events(out) == [
        {"kind": "delta", "text": "Hel"},
        {"kind": "delta", "text": "lo\n"},
        {"kind": "tool", "name": "Bash", "detail": "ls"},
        {"kind": "tool", "name": "Glob"},
    ]


def test_events_that_lie_there_already_are_kept(host: TurnHost, out: Path) -> None:
    (out / "a.events.jsonl").write_bytes(b'{"kind":"delta","text":"earlier"}\n')

    host.delta("later")

    assert [event["text"] for event in events(out)] == ["earlier", "later"]


def test_events_that_the_host_has_deleted_do_not_come_back(host: TurnHost, out: Path) -> None:
    host.delta("a")
    (out / "a.events.jsonl").unlink()  # it has given the turn up

    host.delta("b")

    assert shown(out) == []


def test_an_event_is_there_as_soon_as_it_is_told(host: TurnHost, out: Path) -> None:
    host.delta("a")
    tail = EventTail(DropDir(out), "a", os.getuid())
    with closing(tail):
        assert len(tail.read()) == 1
        host.delta("b")
        assert tail.read()[0].body["text"] == "b"


def test_threads_of_one_turn_write_whole_lines(host: TurnHost, out: Path) -> None:
    def tell(number: int) -> None:
        for step in range(50):
            host.delta(f"{number}.{step} " + "x" * 2000)

    side_by_side(8, tell)

    told = [event["text"].split()[0] for event in events(out)]
    assert sorted(told) == sorted(f"{number}.{step}" for number in range(8) for step in range(50))
    for number in range(8):
        steps = [int(text.partition(".")[2]) for text in told if text.startswith(f"{number}.")]
        assert all(earlier < later for earlier, later in pairwise(steps))


def test_a_turn_that_tells_nothing_opens_nothing(host: TurnHost, out: Path) -> None:
    host.delta("")
    host.close()

    assert shown(out) == []


@pytest.mark.parametrize("character", ["x", "\x01", "€", "🦀", "\ud800"])
def test_a_long_delta_comes_in_lines_that_the_host_takes(host: TurnHost, out: Path, character: str) -> None:
    host.delta(character * 100_000)

    pieces = [event["text"] for event in events(out)]
    assert "".join(pieces) == character.replace("\ud800", "?") * 100_000
    lines = (out / "a.events.jsonl").read_bytes().splitlines()
    assert max(map(len, lines)) <= MAX_EVENT


def test_a_tool_s_name_and_detail_are_cut_to_what_the_host_takes(host: TurnHost, out: Path) -> None:
    host.tool("n" * 1000, "\x01" * 10_000)

    assert events(out) == [{"kind": "tool", "name": "n" * 200, "detail": "\x01" * 4096}]


def test_a_turn_that_tells_more_than_the_host_takes_is_cut_off_before(
    host: TurnHost, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(MAX_EVENTS // 60_000 + 2):
        host.tool("x" * 200, "x" * 4096)
        host.delta("x" * 8192 * 7)

    assert (out / "a.events.jsonl").stat().st_size <= MAX_EVENTS
    assert len(events(out)) > 2000
    assert caplog.text.count("tells no further events") == 1


def test_many_small_events_are_cut_off_too(host: TurnHost, out: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(MAX_EVENT_LINES + 2):
        host.delta("x")

    assert len(events(out)) == MAX_EVENT_LINES
    assert caplog.text.count("tells no further events") == 1


@pytest.mark.parametrize("end", ["cancelled", "over"])
def test_what_is_told_when_the_turn_is_cancelled_or_over_is_dropped(
    host: TurnHost, turn: Turn, out: Path, end: str
) -> None:
    host.delta("before")
    if end == "cancelled":
        turn.cancel.set()
    else:
        host.close()

    host.delta("after")

    assert events(out) == [{"kind": "delta", "text": "before"}]


def test_a_disk_that_takes_no_events_costs_the_turn_its_events_only(
    turn: Turn, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    host = TurnHost(turn, Calls(lambda *_: None), full)

    host.delta("a")
    host.delta("b")

    assert caplog.text.count("turn a tells no further events: No space left on device") == 1


def test_after_half_a_line_nothing_follows(turn: Turn, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    capacity = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    host = TurnHost(turn, Calls(lambda *_: None), lambda _: writer)

    host.delta("x" * 2 * capacity)
    assert len(os.read(reader, 4 * capacity)) == capacity
    host.delta("y")

    assert os.read(reader, 1) == b""  # the writer is closed, and nothing more has come
    assert "a part of one" in caplog.text
    os.close(reader)


def test_calls_are_numbered_and_no_number_comes_twice(turn: Turn) -> None:
    asked: list[int] = []

    def write(turn_id: str, number: int, body: dict[str, Any]) -> None:
        asked.append(number)
        calls.result(turn_id, number, {"value": body["arguments"]})

    calls = Calls(write)
    host = TurnHost(turn, calls, lambda _: -1)

    side_by_side(16, lambda number: [host.call("t", {"from": number}) for _ in range(20)].clear())

    assert sorted(asked) == list(range(1, 321))
    assert host.call("t", {"from": 99}) == {"from": 99}


def test_a_turn_that_calls_without_end_is_refused_before_the_host_ends_it(turn: Turn) -> None:
    def write(turn_id: str, number: int, _: dict[str, Any]) -> None:
        calls.result(turn_id, number, {"value": {}})

    calls = Calls(write)
    host = TurnHost(turn, calls, lambda _: -1)
    for _ in range(MAX_CALLS):
        host.call("t", {})

    with pytest.raises(CallRefused, match="2000 times"):
        host.call("t", {})
