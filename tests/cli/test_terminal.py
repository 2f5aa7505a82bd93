"""What may reach a terminal, and how wide it is there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from openclaw.cli.terminal import columns, dim, fit, moves, one_line, printable, width


@pytest.mark.parametrize("control", ["\x1b", "\x00", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800"])
def test_what_could_steer_a_terminal_is_replaced(control: str) -> None:
    assert printable(f"a{control}b\n\tc") == "a\ufffdb\n\tc"
    printable(control).encode()


def test_for_a_place_within_a_line_white_space_is_a_blank() -> None:
    assert one_line(" a\n\tb\x1b ") == "a b\ufffd"


@pytest.mark.parametrize(
    ("text", "taken"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("é", 1), ("👍", 2), ("a\u200bb", 2), ("", 0)]
)
def test_wide_characters_take_two_columns_and_combining_ones_none(text: str, taken: int) -> None:
    assert width(text) == taken


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("ab", 1, "…"), ("a", 0, "")],
)
def test_a_line_that_is_too_long_is_cut_to_its_place(text: str, room: int, shown: str) -> None:
    assert fit(text, room) == shown
    assert width(shown) <= room


def test_what_is_no_terminal_moves_nothing_and_has_no_colour(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert (moves(file), dim("a", file), columns(file)) == (False, "a", 80)
    assert not moves(io.StringIO())
