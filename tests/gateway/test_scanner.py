"""The usage in what passes by: found however it is cut, told once, and never a reason to stumble."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from openclaw.gateway.scanner import MAX_BODY, MAX_LINE, BodyScanner, StreamScanner, scanner_for
from openclaw.gateway.usage import Usage

START = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 5}


class Told:
    """What a scanner reports, in order."""

    def __init__(self) -> None:
        self.news: list[Usage] = []

    def __call__(self, usage: Usage) -> None:
        self.news.append(usage)

    @property
    def sum(self) -> Usage:
        total = Usage()
        for usage in self.news:
            total = total.plus(usage)
        return total


def event(name: str, end: str = "\n", **data: Any) -> bytes:
    return f"event: {name}{end}data: {json.dumps({'type': name, **data})}{end}{end}".encode()


def stream(end: str = "\n") -> bytes:
    """An answer as it is streamed: 10, 20 and 5 tokens in, 42 out."""
    return b"".join(
        [
            event("message_start", end, message={"id": "msg_1", "usage": START}),
            event("content_block_delta", end, delta={"type": "text_delta", "text": 'the "usage" of "data:"\n'}),
            event("ping", end),
            event("message_delta", end, delta={"stop_reason": None}, usage={"output_tokens": 40}),
            event("message_delta", end, delta={"stop_reason": "end_turn"}, usage={"output_tokens": 42}),
            event("message_stop", end),
        ]
    )


@pytest.fixture
def told() -> Told:
    return Told()


class TestStreams:
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
    def test_the_usage_is_found_wherever_the_pieces_are_cut(self, told: Told, end: str, size: int) -> None:
        scanner = StreamScanner(told)
        data = stream(end)
        for at in range(0, len(data), size):
            scanner.feed(data[at : at + size])
        scanner.end()
        assert told.sum == Usage(10, 42, 20, 5)

    def test_it_is_told_as_soon_as_it_has_come_and_only_what_is_new(self, told: Told) -> None:
        scanner = StreamScanner(told)
        scanner.feed(event("message_start", message={"usage": START}))
        assert told.news == [Usage(10, 1, 20, 5)]
        scanner.feed(event("message_delta", usage={"output_tokens": 42}))
        scanner.feed(event("message_delta", usage={"output_tokens": 42}))
        assert told.news[1:] == [Usage(0, 41)]

    def test_totals_of_the_end_win_where_they_are_larger(self, told: Told) -> None:
        """Tools that run at the model's side add to the input while it answers."""
        scanner = StreamScanner(told)
        scanner.feed(event("message_start", message={"usage": START}))
        scanner.feed(event("message_delta", usage={"input_tokens": 15, "output_tokens": 7}))
        assert told.sum == Usage(15, 7, 20, 5)

    def test_numbers_that_shrink_take_nothing_back(self, told: Told) -> None:
        scanner = StreamScanner(told)
        scanner.feed(event("message_start", message={"usage": START}))
        scanner.feed(event("message_delta", usage={"input_tokens": 0, "output_tokens": 0}))
        assert told.sum == Usage(10, 1, 20, 5)

    def test_a_stream_that_breaks_has_used_what_it_has_said(self, told: Told) -> None:
        scanner = StreamScanner(told)
        scanner.feed(stream()[:300])
        assert told.sum == Usage(10, 1, 20, 5)

    @pytest.mark.parametrize(
        "line",
        [
            b'data: {"type": "content_block_delta", "usage": {"output_tokens": 99}}',
            b'data: {"type": "message_delta", "usage": [99]}',
            b'data: {"type": "message_delta", "usage": {"output_tokens": "99"}}',
            b'data: {"type": "message_start", "message": {"usage": null}}',
            b'data: {"type": "message_start", "message": 5, "usage": {"output_tokens": 99}}',
            b'data: ["usage"]',
            b'data: "usage"',
            b'data: {"usage"',
            b'data: {"type": "message_delta", "usage": {"output_tokens": ' + b"9" * 5000 + b"}}",
            b'data: {"usage": ' + b"[" * 30_000,
            b'event: {"type": "message_delta", "usage": {"output_tokens": 99}}',
            b'data:\xff\xfe "usage"',
        ],
    )
    def test_what_is_no_usage_is_passed_over_and_the_rest_is_found(self, told: Told, line: bytes) -> None:
        scanner = StreamScanner(told)
        scanner.feed(line + b"\n\n" + stream())
        assert told.sum == Usage(10, 42, 20, 5)

    @pytest.mark.parametrize("size", [1000, 10_000_000])
    def test_a_line_without_end_is_not_kept(self, told: Told, size: int) -> None:
        scanner = StreamScanner(told)
        endless = b'data: {"usage": "' + b"x" * (3 * MAX_LINE)
        for at in range(0, len(endless), size):
            scanner.feed(endless[at : at + size])
            assert len(scanner._line) <= MAX_LINE
        scanner.feed(b"\n\n" + stream())
        assert told.sum == Usage(10, 42, 20, 5)

    def test_random_bytes_do_no_harm(self, told: Told) -> None:
        pieces = random.Random(4)
        scanner = StreamScanner(told)
        for _ in range(2000):
            scanner.feed(pieces.randbytes(pieces.randrange(200)).replace(b"a", b'data: {"usage"').replace(b"b", b"\n"))
        assert told.news == []
        scanner.feed(b"\n" + stream())
        assert told.sum == Usage(10, 42, 20, 5)


class TestBodies:
    def test_the_usage_of_a_whole_message_is_found_at_its_end(self, told: Told) -> None:
        scanner = BodyScanner(told)
        data = json.dumps({"type": "message", "content": [{"input": {"usage": {"output_tokens": 99}}}], "usage": START})
        for at in range(0, len(data), 10):
            scanner.feed(data[at : at + 10].encode())
            assert told.news == []
        scanner.end()
        assert told.news == [Usage(10, 1, 20, 5)]

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"input_tokens": 12}', b"[" * 100_000, b"\xff"])
    def test_what_is_no_message_has_none(self, told: Told, body: bytes) -> None:
        scanner = BodyScanner(told)
        scanner.feed(body)
        scanner.end()
        assert told.news == []

    def test_one_beyond_measure_is_not_kept(self, told: Told) -> None:
        scanner = BodyScanner(told)
        for _ in range(5):
            scanner.feed(b" " * (MAX_BODY // 4))
        assert scanner._body is None
        scanner.feed(b'{"usage": {"output_tokens": 1}}')
        scanner.end()
        assert told.news == []


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("application/json", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_the_type_of_an_answer_says_how_it_is_read(told: Told, content_type: str, found: bool) -> None:
    scanner = scanner_for(content_type, told)
    scanner.feed(stream())
    scanner.end()
    assert bool(told.news) == found


def test_json_is_read_as_a_whole_message(told: Told) -> None:
    scanner = scanner_for("application/json; charset=utf-8", told)
    scanner.feed(b'{"usage": {"output_tokens": 3}}')
    scanner.end()
    assert told.sum == Usage(0, 3)
