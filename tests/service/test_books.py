"""Calls to the model, as /metrics shows them and as replies are charged for them."""

from __future__ import annotations

from openclaw.agents.turn import Turn
from openclaw.gateway.usage import Usage
from openclaw.message import Message
from openclaw.observe.metrics import Metrics
from openclaw.service.books import Books


def test_tokens_are_counted_by_group_and_kind() -> None:
    metrics = Metrics()
    books = Books(metrics, lambda _: None)
    books.used("main", Usage(10, 5, 3, 0))
    books.used("main", Usage(1, 1))
    books.used("friends", Usage(0, 0, 0, 4))

    lines = [line for line in metrics.render().splitlines() if line.startswith("openclaw_tokens_total")]

    assert lines == [
        'openclaw_tokens_total{group="friends",kind="cache_creation"} 4',
        'openclaw_tokens_total{group="main",kind="cache_read"} 3',
        'openclaw_tokens_total{group="main",kind="input"} 11',
        'openclaw_tokens_total{group="main",kind="output"} 6',
    ]


def test_calls_are_counted_by_group_and_status() -> None:
    metrics = Metrics()
    books = Books(metrics, lambda _: None)
    for status in (200, 200, 429):
        books.answered("main", status)

    lines = [line for line in metrics.render().splitlines() if line.startswith("openclaw_model_calls_total")]

    assert lines == [
        'openclaw_model_calls_total{group="main",status="200"} 2',
        'openclaw_model_calls_total{group="main",status="429"} 1',
    ]


def test_the_tally_of_a_turn_in_flight_is_what_its_reply_says() -> None:
    turn = Turn(Message("hello", id="a"), 1, 0.0, 0.0)
    books = Books(Metrics(), {"a": turn}.get)
    tally = books.tally_of("a")
    assert tally is not None
    tally.add(Usage(1, 2, 3, 4))

    assert turn.tally.read() == Usage(1, 2, 3, 4)
    assert books.tally_of("b") is None
