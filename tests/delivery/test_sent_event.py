"""Ids of events: read as they are written, and ordered as the events came."""

from __future__ import annotations

import pytest

from openclaw.delivery.sent_event import BEGINNING, Kept, Position, SentEvent

IN_ORDER = ["0.1", "0.2", "0.3", "1.0", "1.1", "2.0", "10.0", "10.10", "2-0.2", "2-1.0", "2-1.1"]


def test_ids_compare_as_the_events_came_and_are_written_as_they_are_read() -> None:
    positions = [Position.parse(text) for text in IN_ORDER]
    assert positions == sorted(positions)
    assert [str(position) for position in positions] == IN_ORDER
    assert min(positions) > BEGINNING


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".1", "-1.0", "0-1.0", "1.0 ", "٣.0", "1.0\n", f"{10**9}.0", "2-1-1.0"]
)
def test_what_is_no_id_stands_for_the_beginning(text: str) -> None:
    assert Position.parse(text) == BEGINNING


def test_a_delta_is_kept_as_its_text_and_told_as_an_object() -> None:
    position = Position(2, 3, 0)
    assert Kept(position, "delta", "hi").sent() == SentEvent("2-3.0", "delta", {"text": "hi"})
    assert Kept(position, "tool", {"name": "Bash", "detail": ""}).sent().data == {"name": "Bash", "detail": ""}
