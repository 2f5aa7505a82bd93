"""The key is taken out of what passes by, however it is cut, and nothing else waits for it."""

from __future__ import annotations

import pytest

from openclaw.gateway.redactor import Redactor
from tests.support.gateway import KEY

EVENTS = f'data: {{"text": "it is {KEY}, again {KEY}"}}\n\ndata: {{"text": "sk-ant- sk-ant-canary"}}\n\n'.encode()


@pytest.mark.parametrize("step", [1, 2, 3, 7, 23, 24, 25, 1000])
def test_it_is_taken_out_wherever_the_pieces_are_cut(step: int) -> None:
    redactor = Redactor(KEY.encode())

    shown = [redactor.feed(EVENTS[begin : begin + step]) for begin in range(0, len(EVENTS), step)]

    assert b"".join([*shown, redactor.end()]) == EVENTS.replace(KEY.encode(), b"[redacted]")


def test_an_event_is_passed_on_whole_with_its_last_byte() -> None:
    redactor = Redactor(KEY.encode())

    assert redactor.feed(b"data: s\n\n") == b"data: s\n\n"


def test_what_ends_as_the_key_begins_waits_for_what_follows() -> None:
    redactor = Redactor(b"sk-key")

    assert redactor.feed(b"a s") == b"a "
    assert redactor.feed(b"sk-") == b"s"
    assert redactor.feed(b"y") == b"sk-y"
    assert redactor.feed(b"sk-ke") == b""
    assert redactor.end() == b"sk-ke"
    assert redactor.end() == b""


def test_without_a_key_all_is_passed_on_as_it_is() -> None:
    assert Redactor(b"").feed(b"data") == b"data"
