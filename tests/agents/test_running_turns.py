"""A request that the disk does not take: its message was accepted, so it is written as soon as there is room."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from openclaw.agents.attachment import Attachment
from openclaw.agents.running_turns import WRITE_PAUSE, RunningTurns
from openclaw.agents.turn import Answer, Loss, Outcome, Turn
from openclaw.clock import Timer
from openclaw.containers.channel import Channel
from openclaw.message.frames import MAX_FRAME, Frame
from openclaw.spool import DropDir
from tests.agents.conftest import Stage

LIMIT = 60.0


class Running:
    """Turns over a channel, on the test's own thread; while `full` its disk takes no file."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ended: list[tuple[str, Outcome]] = []
        self.channel: Channel = stage.channels.create("c1")
        self.full = True
        self._stage = stage
        self.turns = RunningTurns(
            Attachment(self.channel, stage.told), LIMIT, stage.clock, self._later,
            lambda turn, outcome: self.ended.append((turn.id, outcome)),
        )  # fmt: skip
        place = DropDir.place

        def takes_none_while_full(directory: DropDir, name: str, data: bytes) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            place(directory, name, data)

        monkeypatch.setattr(DropDir, "place", takes_none_while_full)

    def run(self) -> Turn:
        turn = self._stage.turn("a")
        self.turns.run(turn)
        return turn

    def _later(self, delay: float, act: Callable[..., None], /, *args: str) -> Timer:
        return self._stage.alarms.call_later(delay, partial(act, *args))


@pytest.fixture
def running(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    running = Running(stage, monkeypatch)
    yield running
    running.channel.close()


def test_it_is_written_once_there_is_room(stage: Stage, running: Running) -> None:
    running.run()
    stage.alarms.advance(3 * WRITE_PAUSE)
    assert (list(running.channel.pending()), running.ended) == ([], [])
    running.full = False
    stage.alarms.advance(WRITE_PAUSE)

    assert (list(running.channel.pending()), running.ended) == (["a"], [])


def test_where_there_is_none_in_its_time_it_fails_with_what_to_do(
    stage: Stage, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    running.run()
    assert "waits for the disk: " in caplog.text
    assert "free some disk space" in caplog.text
    assert "send it again" not in caplog.text  # it is kept
    stage.alarms.advance(LIMIT)

    [(_, outcome)] = running.ended
    assert isinstance(outcome, Answer)
    assert (outcome.status, "free some disk space; then send it again" in outcome.error) == ("failed", True)
    stage.alarms.advance(LIMIT)
    assert len(running.ended) == 1


def test_it_is_cancelled_at_once(stage: Stage, running: Running) -> None:
    running.run()
    running.turns.cancel("a", Answer.cancelled())
    running.full = False
    stage.alarms.advance(2 * WRITE_PAUSE)

    assert running.ended == [("a", Answer.cancelled())]
    assert list(running.channel.pending()) == []


def test_one_that_is_cancelled_keeps_what_was_said_until_then(running: Running) -> None:
    running.full = False
    running.run()
    running.turns.cancel("a", Answer.cancelled())
    running.turns.frame(Frame("response", "a", {"status": "cancelled", "text": "Half an ans", "agent_ms": 1}))

    assert running.ended == [("a", Answer("cancelled", "Half an ans", "cancelled"))]


def test_where_the_container_ends_meanwhile_its_turn_had_not_begun(running: Running) -> None:
    turn = running.run()

    assert running.turns.lose("it ended") == [(turn, Loss("it ended", begun=False))]


def test_one_that_is_too_large_is_not_tried_again(stage: Stage, running: Running) -> None:
    running.full = False
    running.turns.run(stage.turn("a", text="x" * MAX_FRAME))

    [(_, outcome)] = running.ended
    assert isinstance(outcome, Answer)
    assert "a frame takes" in outcome.error
