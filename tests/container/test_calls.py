"""Calls: each gets its own result, a refusal in the host's words, or an end as soon as its turn is cancelled."""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from agent_runner.calls import Calls
from agent_runner.cancel import Cancel
from agent_runner.engines import TurnCancelled
from openclaw.errors import CallRefused, OpenClawError

TIMEOUT = 10.0

Outcome = dict[str, Any] | OpenClawError


class Asking:
    """Calls made on threads of their own; `written` tells which have been written, by their numbers."""

    def __init__(self) -> None:
        self.written: queue.Queue[int] = queue.Queue()
        self.calls = Calls(lambda _turn, number, _body: self.written.put(number))
        self.cancel = Cancel()

    def ask(self, number: int) -> Callable[[], Outcome]:
        """Call, and return when that is written; what is returned here waits for the outcome."""
        outcome: queue.Queue[Outcome] = queue.Queue()

        def work() -> None:
            try:
                outcome.put(self.calls.ask("a", number, "t", {}, cancel=self.cancel, limit=TIMEOUT))
            except OpenClawError as error:
                outcome.put(error)

        threading.Thread(target=work).start()
        assert self.written.get(timeout=TIMEOUT) == number
        return lambda: outcome.get(timeout=TIMEOUT)


def answered(*bodies: dict[str, Any]) -> Calls:
    """Calls to which a host answers before they are even written in full."""
    left = iter(bodies)

    def write(turn_id: str, number: int, _: dict[str, Any]) -> None:
        calls.result(turn_id, number, next(left))

    calls = Calls(write)
    return calls


def ask(calls: Calls, cancel: Cancel | None = None, limit: float = TIMEOUT) -> dict[str, Any]:
    return calls.ask("a", 1, "spawn_subagent", {"task": "x"}, cancel=cancel or Cancel(), limit=limit)


def test_a_call_says_what_is_asked_and_gets_its_value() -> None:
    written: list[tuple[str, int, dict[str, Any]]] = []

    def write(turn_id: str, number: int, body: dict[str, Any]) -> None:
        written.append((turn_id, number, body))
        calls.result(turn_id, number, {"value": {"id": "a.s1"}})

    calls = Calls(write)

    assert ask(calls) == {"id": "a.s1"}
    assert written == [("a", 1, {"tool": "spawn_subagent", "arguments": {"task": "x"}})]


def test_a_call_that_has_its_result_waits_for_no_other() -> None:
    calls = answered({"value": {}})
    ask(calls)

    assert not calls.result("a", 1, {"value": {}})


def test_a_refusal_comes_in_the_host_s_words() -> None:
    with pytest.raises(CallRefused, match="no more than 100 at once"):
        ask(answered({"error": "no more than 100 at once"}))


@pytest.mark.parametrize("body", [{}, {"value": []}, {"value": None}])
def test_a_result_that_is_none_is_said(body: dict[str, Any]) -> None:
    with pytest.raises(CallRefused, match="malformed"):
        ask(answered(body))


def test_each_of_several_calls_gets_its_own_result() -> None:
    asking = Asking()
    first, second = asking.ask(1), asking.ask(2)

    asking.calls.result("a", 2, {"value": {"for": 2}})
    asking.calls.result("a", 1, {"value": {"for": 1}})

    assert first() == {"for": 1}
    assert second() == {"for": 2}


def test_a_cancelled_turn_waits_for_no_result() -> None:
    asking = Asking()
    first, second = asking.ask(1), asking.ask(2)

    asking.cancel.set()

    assert isinstance(first(), TurnCancelled)
    assert isinstance(second(), TurnCancelled)
    assert not asking.calls.result("a", 1, {"value": {}})


def test_a_cancelled_turn_asks_nothing_more() -> None:
    asking = Asking()
    asking.cancel.set()

    with pytest.raises(TurnCancelled):
        ask(asking.calls, asking.cancel)

    assert asking.written.empty()


def test_a_host_that_does_not_answer_is_not_waited_for_without_end() -> None:
    with pytest.raises(CallRefused, match="did not answer spawn_subagent within 0 s"):
        ask(Asking().calls, limit=0.01)


def test_a_result_that_nobody_waits_for_is_let_be() -> None:
    asking = Asking()
    first = asking.ask(1)

    assert not asking.calls.result("a", 2, {"value": {"for": 2}})
    assert not asking.calls.result("b", 1, {"value": {"for": 2}})
    assert asking.calls.result("a", 1, {"value": {"for": 1}})
    assert first() == {"for": 1}


def test_a_disk_that_takes_no_call_is_said() -> None:
    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CallRefused, match="could not be asked for spawn_subagent: No space left on device"):
        ask(Calls(write))
