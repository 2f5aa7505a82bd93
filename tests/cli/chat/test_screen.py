"""What is drawn, seen through a screen: the text as it is, and one status line below it that leaves no trace."""

from __future__ import annotations

import io
import os
import random

import pytest

from openclaw.cli.chat import screen as module
from openclaw.cli.chat.screen import Page, Terminal
from tests.support.terminal import Screen

COLUMNS, ROWS = 20, 6


class Drawn(io.StringIO):
    """A stream that draws on a screen."""

    def __init__(self) -> None:
        super().__init__()
        self.screen = Screen(COLUMNS, ROWS)

    def write(self, text: str) -> int:
        self.screen.feed(text.replace("\n", "\r\n"))  # as the terminal's driver does
        return len(text)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    monkeypatch.setattr(module, "columns", lambda _stream: COLUMNS)
    monkeypatch.setitem(os.environ, "TERM", "xterm")
    return Drawn()


def test_the_status_line_stands_below_the_text_and_the_text_goes_on_where_it_was(drawn: Drawn) -> None:
    terminal = Terminal(drawn)
    terminal.text("one ")
    terminal.status("working")
    assert drawn.screen.lines == ["one", "working"]
    terminal.text("two")
    assert drawn.screen.lines == ["one two", "working"]
    terminal.status("working · 1 s")
    terminal.status("")
    terminal.text(" three")
    assert drawn.screen.lines == ["one two three"]


def test_a_status_line_never_takes_a_second_row(drawn: Drawn) -> None:
    terminal = Terminal(drawn)
    terminal.status("日本語" * 20)
    assert drawn.screen.lines == ["", "日本語日本語日本語…"]
    terminal.status("")
    assert drawn.screen.lines == []


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_written_in_whatever_pieces_is_seen_as_if_there_were_no_status_line(
    drawn: Drawn, seed: int
) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choice(["a", "bc ", "日", "\n", "x" * 19, "y" * 20, "z" * 41]) for _ in range(40))
    expected = Screen(COLUMNS, ROWS)
    expected.feed(text.replace("\n", "\r\n"))

    terminal, place = Terminal(drawn), 0
    while place < len(text):
        step = dice.randint(1, 9)
        terminal.text(text[place : place + step])
        terminal.status(dice.choice(["", "working", "w" * 50, "語" * 12]))
        place += step
    terminal.status("")

    assert [line for line in drawn.screen.lines if line] == [line for line in expected.lines if line]


def test_a_note_is_on_a_line_of_its_own_and_the_status_line_below_it(drawn: Drawn) -> None:
    terminal = Terminal(drawn)
    terminal.text("begun")
    terminal.status("working")
    terminal.note("by the way")
    terminal.text("next")
    assert drawn.screen.lines == ["begun", "by the way", "next", "working"]


def test_a_page_gives_text_as_it_is_and_notes_elsewhere() -> None:
    out, notes = io.StringIO(), io.StringIO()
    page = Page(out, notes)
    page.status("working")
    page.text("one")
    page.note("by the way")
    page.text("two\n")
    page.end()
    assert (out.getvalue(), notes.getvalue()) == ("one\ntwo\n", "by the way\n")
