"""The side channel: calls by another process than the runner, on the host's own end of a real channel."""

from __future__ import annotations

import fcntl
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.mcp import side_channel
from agent_runner.mcp.side_channel import SideChannel
from openclaw.containers.channel import Channel, Channels
from openclaw.errors import CallRefused
from openclaw.message import Frame, FrameName, frame_name
from openclaw.message.frames import MAX_FRAME, SIDE_CALLS
from openclaw.spool import Watcher
from tests.support.heard import write

TIMEOUT = 30.0
REQUEST = {"message": {"text": "hello"}, "timeout_ms": 300_000}


class Host:
    """The host's end: calls come to `calls`; with `echo` each is answered with its own arguments at once."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.calls: queue.Queue[Frame] = queue.Queue()
        self.numbers: list[tuple[str, int]] = []
        self.echo = False
        self.violations: list[str] = []
        channel.listen(self._heard, lambda *_: None, self.violations.append)

    def _heard(self, frame: Frame) -> None:
        if frame.kind != "call":
            return
        self.numbers.append((frame.id, frame.number))
        if self.echo:
            self.answer(frame, {"value": frame.body["arguments"]})
        else:
            self.calls.put(frame)

    def answer(self, call: Frame, body: dict[str, Any]) -> None:
        self.channel.answer(FrameName("call", call.id, call.number), body)

    def begin(self, turn_id: str, **request: Any) -> None:
        """Have a turn run."""
        self.channel.send("request", turn_id, {**REQUEST, **request})
        write(self.channel, "started", turn_id)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with closing(Watcher()) as watcher:
        watcher.start()
        channel = Channels(tmp_path / "channels", watcher).create("c1")
        yield Host(channel)
        channel.close()


@pytest.fixture
def side(host: Host) -> Iterator[SideChannel]:
    with closing(SideChannel(host.channel.path)) as side:
        yield side


Outcome = dict[str, Any] | Exception


def ask(side: SideChannel, cancel: Cancel | None = None, **arguments: Any) -> queue.Queue[Outcome]:
    """Ask on a thread of its own; where the outcome goes."""
    outcome: queue.Queue[Outcome] = queue.Queue()

    def work() -> None:
        try:
            outcome.put(side.ask("echo", arguments, cancel or Cancel()))
        except (CallRefused, TurnCancelled) as error:
            outcome.put(error)

    threading.Thread(target=work).start()
    return outcome


def told(outcome: queue.Queue[Outcome]) -> Outcome:
    return outcome.get(timeout=TIMEOUT)


def test_a_call_works_for_the_turn_that_runs_under_a_number_that_the_runner_never_takes(
    host: Host, side: SideChannel
) -> None:
    host.begin("a")

    outcome = ask(side, x=1)
    call = host.calls.get(timeout=TIMEOUT)

    assert call == Frame("call", "a", {"tool": "echo", "arguments": {"x": 1}}, SIDE_CALLS[0])
    host.answer(call, {"value": {"y": 2}})
    assert told(outcome) == {"y": 2}


def test_a_refusal_comes_in_the_host_s_words(host: Host, side: SideChannel) -> None:
    host.begin("a")

    outcome = ask(side)
    host.answer(host.calls.get(timeout=TIMEOUT), {"error": "not today"})

    assert str(told(outcome)) == "not today"


# Which turn


def test_of_several_turns_it_is_the_oldest_that_runs(host: Host, side: SideChannel) -> None:
    host.echo = True
    host.channel.send("request", "waits", REQUEST)
    for turn_id in ("b", "a"):
        host.begin(turn_id)
        os.utime(host.channel.path / "in" / frame_name("request", turn_id), (ord(turn_id),) * 2)
    write(host.channel, "response", "a")

    told(ask(side))

    assert [turn_id for turn_id, _ in host.numbers] == ["b"]


def test_it_may_be_named(host: Host) -> None:
    host.echo = True
    host.begin("a")
    host.begin("b")

    with closing(SideChannel(host.channel.path, "b")) as side:
        told(ask(side))
        host.channel.forget("b")
        over = told(ask(side))

    assert host.numbers == [("b", SIDE_CALLS[0])]
    assert str(over) == "the turn b does not run in this container"


def test_where_none_runs_that_is_said(host: Host, side: SideChannel) -> None:
    host.channel.send("request", "a", REQUEST)

    assert "no turn runs in this container" in str(told(ask(side)))


def test_where_there_is_no_channel_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SideChannel(tmp_path / "nothing")
    assert not list(tmp_path.iterdir())


# The end of a turn, and of patience


def test_a_turn_that_ends_ends_the_calls_that_wait(host: Host, side: SideChannel) -> None:
    host.begin("a")
    outcome = ask(side)
    host.calls.get(timeout=TIMEOUT)

    host.channel.forget("a")

    assert "the turn a is over; the host may have done it all the same" in str(told(outcome))


def test_a_cancelled_call_does_not_wait(host: Host, side: SideChannel) -> None:
    host.begin("a")
    cancel = Cancel()
    outcome = ask(side, cancel)
    call = host.calls.get(timeout=TIMEOUT)

    cancel.set()

    assert isinstance(told(outcome), TurnCancelled)
    host.answer(call, {"value": {}})
    host.echo = True
    assert told(ask(side, x=1)) == {"x": 1}
    assert len(set(host.numbers)) == 2


def test_nobody_waits_longer_than_the_turn_s_time(host: Host, side: SideChannel) -> None:
    host.begin("a", timeout_ms=1)

    assert "did not answer echo before the turn's time was over" in str(told(ask(side)))


def test_a_call_that_no_host_would_take_is_not_made(host: Host, side: SideChannel) -> None:
    host.begin("a")

    assert f"the host takes {MAX_FRAME}" in str(told(ask(side, x="x" * MAX_FRAME)))
    assert not host.numbers


# Numbers


def test_no_number_is_taken_twice_whoever_calls(host: Host) -> None:
    host.echo = True
    host.begin("a")
    sides = [SideChannel(host.channel.path) for _ in range(4)]  # each has descriptors of its own, as a process has

    outcomes = [(number, ask(side, n=number)) for number in range(15) for side in sides]

    assert all(told(outcome) == {"n": number} for number, outcome in outcomes)
    assert sorted(number for _, number in host.numbers) == list(SIDE_CALLS[: len(outcomes)])
    assert not host.violations
    for side in sides:
        side.close()


def test_a_number_is_not_free_while_its_call_or_its_result_is_there(host: Host, side: SideChannel) -> None:
    host.begin("a")
    first = ask(side)
    host.answer(host.calls.get(timeout=TIMEOUT), {"value": {}})  # its call is deleted, its result stays
    told(first)
    ask_second = ask(side)
    host.calls.get(timeout=TIMEOUT)  # its call stays
    third = ask(side)
    host.calls.get(timeout=TIMEOUT)

    assert [number for _, number in host.numbers] == list(SIDE_CALLS[:3])
    host.channel.forget("a")
    told(ask_second)
    told(third)


def test_numbers_belong_to_their_turn(host: Host, side: SideChannel) -> None:
    host.echo = True
    host.begin("a")
    told(ask(side))
    host.channel.forget("a")
    host.begin("b")
    told(ask(side))

    assert host.numbers == [("a", SIDE_CALLS[0]), ("b", SIDE_CALLS[0])]


def test_a_turn_that_is_called_for_without_end_is_refused_before_the_host_ends_it(
    host: Host, side: SideChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_channel, "SIDE_CALLS", SIDE_CALLS[:2])
    host.echo = True
    host.begin("a")
    told(ask(side))
    told(ask(side))

    assert "2 times from beside" in str(told(ask(side)))
    assert not host.violations


def test_who_keeps_the_channel_to_himself_is_not_waited_for_without_end(
    host: Host, side: SideChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_channel, "LOCK_PAUSE", 0.001)
    host.begin("a")
    stopped = os.open(host.channel.path / "out", os.O_RDONLY)
    fcntl.flock(stopped, fcntl.LOCK_EX)

    assert "was it stopped?" in str(told(ask(side)))
    monkeypatch.setattr(side_channel, "LOCK_PAUSE", TIMEOUT)
    cancel = Cancel()
    outcome = ask(side, cancel)
    cancel.set()
    assert isinstance(told(outcome), TurnCancelled)

    os.close(stopped)
    host.echo = True
    assert told(ask(side, x=1)) == {"x": 1}


def test_a_result_that_is_none_is_said(host: Host, side: SideChannel) -> None:
    host.begin("a")
    outcome = ask(side)
    call = host.calls.get(timeout=TIMEOUT)

    hidden = host.channel.path / "in" / ".hidden"
    hidden.write_text("{")
    hidden.rename(host.channel.path / "in" / frame_name("result", "a", call.number))

    assert "the host's result is malformed" in str(told(outcome))
