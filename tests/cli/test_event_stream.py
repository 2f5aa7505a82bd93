"""The reading end of server-sent events: whole events, whatever the pieces, and nothing that is none."""

from __future__ import annotations

import pytest

from openclaw.cli import event_stream
from openclaw.cli.event_stream import Event, NotEvents, parse

STREAM = (
    b'id: 0.1\nevent: queued\ndata: {"id":"a"}\n\n'
    b": nothing new\n\n"
    b'id: 1.0\nevent: delta\ndata: {"text":"one: \xc3\xa9"}\n\n'
)
EVENTS = [Event("0.1", "queued", {"id": "a"}), Event("1.0", "delta", {"text": "one: é"})]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    assert list(parse(STREAM[i : i + size] for i in range(0, len(STREAM), size))) == EVENTS


def test_each_is_told_as_soon_as_it_is_whole() -> None:
    def pieces() -> object:
        yield STREAM
        raise AssertionError("more was read than was needed")

    assert next(parse(pieces())) == EVENTS[0]  # type: ignore[arg-type]


def test_an_event_that_is_cut_off_is_none() -> None:
    assert list(parse([STREAM, b"id: 2.0\nevent: done\n"])) == EVENTS


@pytest.mark.parametrize(
    "block", [b"event: delta\ndata: {}", b"id: 1.0\ndata: {}", b"id: 1.0\nevent: delta\ndata: []", b"<html>", b"\xff"]
)
def test_what_is_no_event_is_refused(block: bytes) -> None:
    with pytest.raises(NotEvents, match="no event"):
        list(parse([block + b"\n\n"]))


def test_an_event_without_an_end_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_EVENT", 100)
    with pytest.raises(NotEvents, match="more than 100 bytes"):
        list(parse([b"x" * 60, b"x" * 60]))
