"""What the sender is told: paragraphs, and no piece twice when a call is made again."""

from __future__ import annotations

import pytest

from agent_runner.engines.messages.failures import Diverged
from agent_runner.engines.messages.speech import Speech


def call(speech: Speech, *pieces: str, joined: bool = False) -> None:
    speech.begin(joined=joined)
    for piece in pieces:
        speech.say(piece)
    speech.end()


def test_each_piece_is_told_as_it_comes_and_the_whole_is_the_answer() -> None:
    told: list[str] = []
    speech = Speech(told.append)

    call(speech, "Let me ", "look.")
    call(speech)
    call(speech, "It is 42.")

    assert told == ["Let me ", "look.", "\n\nIt is 42."]
    assert speech.text == "Let me look.\n\nIt is 42."


@pytest.mark.parametrize(("before", "joined"), [("one\n", False), ("one ", True)])
def test_a_paragraph_that_is_there_already_or_not_wanted_is_not_made(before: str, joined: bool) -> None:
    speech = Speech(lambda _: None)

    call(speech, before)
    call(speech, "two", joined=joined)

    assert speech.text == f"{before}two"


@pytest.mark.parametrize("again", [["Hello, world"], ["Hel", "lo, ", "world"], ["H", "ello, world"]])
def test_a_call_that_is_made_again_tells_only_what_is_new(again: list[str]) -> None:
    told: list[str] = []
    speech = Speech(told.append)
    speech.begin(joined=False)
    speech.say("Hello")

    speech.again()
    for piece in again:
        speech.say(piece)
    speech.end()

    assert "".join(told) == "Hello, world"
    assert speech.text == "Hello, world"


def test_a_call_may_be_made_again_more_than_once() -> None:
    speech = Speech(lambda _: None)
    speech.begin(joined=False)
    for piece in ("Hel", "Hello", "Hell", "Hello!"):
        speech.say(piece)
        if piece != "Hello!":
            speech.again()
    speech.end()

    assert speech.text == "Hello!"


def test_a_call_that_says_something_else_when_it_is_made_again_ends_honestly() -> None:
    speech = Speech(lambda _: None)
    speech.begin(joined=False)
    speech.say("Hello")
    speech.again()

    with pytest.raises(Diverged, match="does not continue what it had said"):
        speech.say("Good day")
    assert speech.text == speech.in_call == "Hello"


def test_a_call_that_says_less_when_it_is_made_again_ends_honestly() -> None:
    speech = Speech(lambda _: None)
    speech.begin(joined=False)
    speech.say("Hello")
    speech.again()
    speech.say("He")

    with pytest.raises(Diverged):
        speech.end()
