"""Patience ends with the tool's limit, the turn or its cancellation; seats are taken in turn and given back."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace

import pytest

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools.patience import Patience, Seats
from agent_runner.tools.tool import ToolFailed, ToolUse

TIMEOUT = 10.0


def test_it_ends_with_the_tool_s_own_limit(use: ToolUse) -> None:
    now = [100.0]
    patience = Patience(replace(use, deadline=500.0), 20, "ask for less", clock=lambda: now[0])
    patience.check()
    assert patience.left == 20

    now[0] = 120.0

    assert patience.left == 0
    with pytest.raises(ToolFailed, match=r"^not done within 20 s: ask for less$"):
        patience.check()


def test_it_ends_with_the_turn_where_that_comes_first(use: ToolUse) -> None:
    now = [100.0]
    patience = Patience(replace(use, deadline=101.0), 20, "ask for less", clock=lambda: now[0])

    now[0] = 101.0

    with pytest.raises(ToolFailed, match="time of this turn is over"):
        patience.check()


def test_it_ends_with_the_turn_s_cancellation(use: ToolUse) -> None:
    patience = Patience(use, 20, "")
    use.cancel.set()

    with pytest.raises(TurnCancelled):
        patience.check()


def test_a_seat_is_free_again_when_whoever_had_it_has_gone(use: ToolUse) -> None:
    seats = Seats(1)
    order: queue.Queue[str] = queue.Queue()
    thread = threading.Thread(target=lambda: sit(seats, use, order))

    with seats.seat(Patience(use, TIMEOUT, "")):
        thread.start()
        order.put("first")
    thread.join(TIMEOUT)

    assert [order.get_nowait(), order.get_nowait()] == ["first", "second"]
    with pytest.raises(ZeroDivisionError), seats.seat(Patience(use, TIMEOUT, "")):
        raise ZeroDivisionError
    sit(seats, use, order)


def sit(seats: Seats, use: ToolUse, order: queue.Queue[str]) -> None:
    with seats.seat(Patience(use, TIMEOUT, "")):
        order.put("second")


def test_nobody_waits_for_a_seat_beyond_his_patience(use: ToolUse) -> None:
    seats = Seats(1)
    with seats.seat(Patience(use, TIMEOUT, "")):
        with pytest.raises(ToolFailed, match="ask later"):
            seats.seat(Patience(use, 0.001, "ask later")).__enter__()
        with pytest.raises(ToolFailed, match="turn is over"):
            seats.seat(Patience(replace(use, deadline=time.monotonic()), TIMEOUT, "")).__enter__()


def test_a_cancelled_turn_waits_for_no_seat(use: ToolUse) -> None:
    seats = Seats(1)
    ended: queue.Queue[BaseException] = queue.Queue()

    def wait() -> None:
        try:
            sit(seats, use, queue.Queue())
        except TurnCancelled as cancelled:
            ended.put(cancelled)

    with seats.seat(Patience(use, TIMEOUT, "")):
        thread = threading.Thread(target=wait)
        thread.start()
        use.cancel.set()
        thread.join(TIMEOUT)

    assert isinstance(ended.get_nowait(), TurnCancelled)
