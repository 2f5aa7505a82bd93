"""One thread for a state: events in order, and none that goes wrong ends it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from openclaw.agents.mailbox import Mailbox
from openclaw.errors import OpenClawError

WAIT = 10
Act = Callable[[], object]


def call(act: Act) -> None:
    act()


def nothing() -> None:
    """There is nothing to put in order."""


def fail() -> None:
    raise ZeroDivisionError("a bug")


def test_events_are_handled_in_order_by_one_thread_and_all_before_the_end() -> None:
    handled: list[tuple[int, str]] = []
    box: Mailbox[int] = Mailbox(
        "box", lambda event: handled.append((event, threading.current_thread().name)), nothing, 100
    )
    box.start()
    for number in range(100):
        box.post(number)
    box.close()

    assert handled == [(number, "box") for number in range(100)]


def test_an_event_that_cannot_be_handled_is_logged_and_put_in_order_and_the_next_one_is_handled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: queue.SimpleQueue[str] = queue.SimpleQueue()
    box: Mailbox[Act] = Mailbox("box", call, lambda: done.put("recovered"), 10)
    box.start()
    with closing(box):
        box.post(fail)
        box.post(lambda: done.put("handled"))
        assert [done.get(timeout=WAIT), done.get(timeout=WAIT)] == ["recovered", "handled"]

    (record,) = caplog.records
    assert record.getMessage() == "box could not handle an event; what it was about is given up"
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_where_that_cannot_be_put_in_order_either_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    done: queue.SimpleQueue[str] = queue.SimpleQueue()
    box: Mailbox[Act] = Mailbox("box", call, fail, 10)
    box.start()
    with closing(box):
        box.post(fail)
        box.post(lambda: done.put("handled"))
        assert done.get(timeout=WAIT) == "handled"

    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_an_owner_that_takes_nothing_more_is_told_to_the_sender() -> None:
    box: Mailbox[int] = Mailbox("box", print, nothing, 1)  # not started
    box.post(1)

    with pytest.raises(OpenClawError, match="the box thread takes no more events"):
        box.post(2)
