"""The reader of many streams: every event is counted once, and a stream that is not whole is no measurement."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from openclaw.bench.figure import NotMeasured
from openclaw.bench.stream_crowd import read
from openclaw.clock import SystemClock
from tests.support.messages_answers import Fail, Raw, say
from tests.support.messages_api import MessagesApi

Connect = Callable[[], socket.socket]


@contextmanager
def model(**options: Any) -> Iterator[Connect]:
    with MessagesApi(**options) as api:
        yield lambda: socket.create_connection(("127.0.0.1", api.port), 10)


def test_each_event_of_each_stream_has_its_time_on_the_way() -> None:
    with model(otherwise=lambda _: say("a b c"), stamped=True) as connect:
        took = read(SystemClock(), connect, 5, 3, 0.01)

    assert len(took) == 15
    assert all(0 <= seconds < 10 for seconds in took)


@pytest.mark.parametrize(
    "answer", [Fail(500), Raw(), say("a b"), say("a b c d"), say("a b c", cut_after=5)], ids=lambda one: str(one)[:12]
)
def test_what_is_no_whole_stream_is_not_measured(answer: Any) -> None:
    says = "a stream ended after [0-4] events of 3"
    with model(otherwise=lambda _: answer, stamped=True) as connect, pytest.raises(NotMeasured, match=says):
        read(SystemClock(), connect, 1, 3, 0.01)
