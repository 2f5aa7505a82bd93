"""Lines of a pipe, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from openclaw.cli.chat import lines as module
from openclaw.cli.chat.inbox import Inbox, Line, Update
from openclaw.cli.chat.lines import Lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    readers, writers = os.pipe()
    yield readers, writers
    os.close(readers)


def told(lines: Lines, inbox: Inbox) -> Update | None:
    lines.ask()
    return inbox.get(60)


def test_each_is_told_when_it_is_asked_for_however_it_comes(pipe: tuple[int, int]) -> None:
    inbox = Inbox()
    lines = Lines(pipe[0], inbox)
    os.write(pipe[1], "one\r\nz\u00fc".encode()[:-1])
    assert told(lines, inbox) == Line("one")
    lines.ask()
    os.write(pipe[1], "\u00fc".encode()[-1:] + b"\n\nlast")
    assert inbox.get(60) == Line("z\u00fc")
    assert told(lines, inbox) == Line("")
    os.close(pipe[1])
    assert told(lines, inbox) == Line("last")
    assert told(lines, inbox) == Line(None)
    assert lines.problem is None


@pytest.mark.parametrize(("data", "why"), [(b"x" * 101, "longer than 100 bytes"), (b"\xff\n", "not UTF-8 at byte 0")])
def test_what_is_no_line_ends_it_and_is_told(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, data: bytes, why: str
) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 100)
    inbox = Inbox()
    lines = Lines(pipe[0], inbox)
    os.write(pipe[1], data)
    os.close(pipe[1])
    assert told(lines, inbox) == Line(None)
    assert why in str(lines.problem)
