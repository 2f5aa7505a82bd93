"""Events: the same however their bytes are cut, and what is none, or too large, ends the stream."""

from __future__ import annotations

import json

import pytest

from agent_runner.engines.messages.failures import Cut
from agent_runner.engines.messages.sse import MAX_EVENT, EventParser

STREAM = (
    'event: a\ndata: {"type": "a", "text": "é€🦀"}\n\n'
    ": keep the line open\n\n"
    'data:{"type": "b",\r\ndata: "lines": 2}\r\n\r\n'
    'id: 7\nretry: 5\ndata: {"type": "c"}\n\n'
    "event: nothing\n\n"
    "data: [DONE]\n\n"
).encode()
EVENTS = [{"type": "a", "text": "é€🦀"}, {"type": "b", "lines": 2}, {"type": "c"}]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64, 1000])
def test_events_come_whole_however_the_bytes_are_cut(step: int) -> None:
    parser = EventParser()
    pieces = [STREAM[begin : begin + step] for begin in range(0, len(STREAM), step)]

    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_an_event_is_there_with_the_byte_that_ends_it() -> None:
    parser = EventParser()

    assert parser.feed(b'data: {"type": "a"}\n') == []
    assert parser.feed(b"\n") == [{"type": "a"}]


@pytest.mark.parametrize("data", ["hello", "[1]", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', "[" * 100])
def test_an_event_that_is_no_sound_json_object_ends_the_stream(data: str) -> None:
    with pytest.raises(Cut, match="sent an event that is"):
        EventParser().feed(f"data: {data}\n\n".encode())


def test_half_an_event_at_the_end_is_none() -> None:
    assert EventParser().feed(b'data: {"type": "a"}') == []


@pytest.mark.parametrize(
    "piece",
    [b"x" * 100_000, b"data: " + b"x" * 100_000 + b"\n"],
    ids=["a line without an end", "an event without an end"],
)
def test_an_event_that_is_too_large_ends_the_stream(piece: bytes) -> None:
    parser = EventParser()

    for _ in range(MAX_EVENT // 100_000 - 1):
        assert parser.feed(piece) == []
    with pytest.raises(Cut, match=f"more than {MAX_EVENT} bytes"):
        parser.feed(piece * 2)


def test_a_stream_that_is_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_runner.engines.messages.sse.MAX_STREAM", 1000)
    event = b"data: %s\n\n" % json.dumps({"type": "x" * 90}).encode()
    parser = EventParser()

    for _ in range(1000 // len(event)):
        assert len(parser.feed(event)) == 1
    with pytest.raises(Cut, match="takes more than"):
        parser.feed(event)
