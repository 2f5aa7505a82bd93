"""The book: what is due, in which order, and what is whose. What it refuses, test_keeper has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openclaw.errors import InvalidTask
from openclaw.schedule.book import Book
from tests.schedule.test_task import NINE, TASK

ACTIVE = replace(TASK, status="active", runs=(), next=NINE)


@pytest.fixture
def book() -> Book:
    book = Book(zone=lambda: "UTC", check_group=lambda group: None)
    for number, following in enumerate([NINE + 5, NINE, NINE + 9]):
        book.put(replace(ACTIVE, id=f"t000000000{number}", created=number, next=following))
    book.put(replace(TASK, id="t0000000003", group="friends", created=3))
    return book


def ids(tasks: list[object]) -> list[str]:
    return [str(getattr(task, "id", ""))[-1] for task in tasks]


def test_what_is_due_comes_the_longest_waiting_first(book: Book) -> None:
    assert ids([*book.due(NINE - 0.001)]) == []
    assert ids([*book.due(NINE)]) == ["1"]
    assert ids([*book.due(NINE + 100)]) == ["1", "0", "2"]
    assert book.next_due() == NINE
    for number in range(3):
        book.drop(f"t000000000{number}")
    assert book.next_due() is None


def test_lists_are_in_the_order_of_making(book: Book) -> None:
    assert ids([*book.all()]) == ["0", "1", "2", "3"]
    assert ids([*book.all("friends")]) == ["3"]


def test_a_zone_is_the_machine_s_where_none_is_named_and_without_one_that_is_said() -> None:
    def none() -> str:
        raise InvalidTask("the machine's time zone has no name")

    given = {"prompt": "x", "schedule_type": "cron", "schedule_value": "0 9 * * *"}
    machine = Book(zone=lambda: "Australia/Lord_Howe", check_group=lambda group: None)
    assert machine.new("t0000000009", given, NINE, None).timezone == "Australia/Lord_Howe"
    assert machine.new("t0000000009", {**given, "timezone": ""}, NINE, None).timezone == "Australia/Lord_Howe"
    nameless = Book(zone=none, check_group=lambda group: None)
    assert nameless.new("t0000000009", {**given, "timezone": "UTC"}, NINE, None).timezone == "UTC"
    with pytest.raises(InvalidTask, match="has no name"):
        nameless.new("t0000000009", given, NINE, None)


def test_a_paused_task_with_another_schedule_stays_paused(book: Book) -> None:
    changed = book.changed(TASK, {"schedule_value": "0 8 * * *"}, NINE)

    assert (changed.status, changed.next, changed.schedule_value) == ("paused", None, "0 8 * * *")
    with pytest.raises(InvalidTask):
        book.changed(TASK, {"schedule_value": "0 88 * * *"}, NINE)
