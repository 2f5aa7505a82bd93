"""What a turn's events come to: text, and one line that says what goes on."""

from __future__ import annotations

from typing import Any

from openclaw.cli.chat.turn_view import BEGUN_AGAIN, TurnView
from openclaw.cli.event_stream import Event


def view(*events: tuple[str, dict[str, Any]]) -> tuple[TurnView, str]:
    """A turn after these events, and what was shown."""
    turn = TurnView("a")
    return turn, "".join(turn.take(Event("", name, data)) for name, data in events)


STARTED = ("started", {"id": "a", "attempt": 1, "route": "persistent"})


def test_the_line_says_how_far_it_is() -> None:
    turn = TurnView("a")
    assert turn.status(0) == "sending · 0 s · Ctrl-C cancels"
    turn.take(Event("0.1", "queued", {"id": "a"}))
    assert turn.status(0) == "queued · 0 s · Ctrl-C cancels"
    turn.waits_for = "2 before it in this session"
    assert turn.status(61) == "queued: 2 before it in this session · 1 min 1 s · Ctrl-C cancels"
    turn.take(Event("0.2", *STARTED))
    assert turn.status(3600) == "working · 1 h 0 min · Ctrl-C cancels"
    turn.cancelling = True
    assert turn.status(2) == "cancelling · 2 s"


def test_tools_subagents_and_the_second_attempt_are_named() -> None:
    turn, _ = view(
        ("started", {"id": "a", "attempt": 2, "route": "dedicated"}),
        ("tool", {"name": "Read", "detail": "notes\x1b.md\n" + "x" * 100}),
        ("subagent", {"id": "a.s1", "status": "queued"}),
        ("subagent", {"id": "a.s2", "status": "queued"}),
        ("subagent", {"id": "a.s1", "status": "done"}),
    )
    assert turn.busy
    line = turn.status(5)
    assert line.startswith("Read notes\ufffd.md xxx")
    assert line.endswith("… in a dedicated container, attempt 2 · 2 subagents, 1 done · 5 s · Ctrl-C cancels")


def test_of_the_reply_only_what_was_not_shown_is_left() -> None:
    turn, shown = view(STARTED, ("delta", {"text": "one "}), ("delta", {"text": "two"}))
    assert shown == "one two"
    assert turn.rest("one two") == ""
    assert turn.rest("two") == ""  # what came before was said between tools
    assert turn.rest("one two three") == " three"
    assert turn.rest("another") == "\nanother"
    assert view(STARTED)[0].rest("all\x07 of it") == "all\ufffd of it"


def test_an_answer_that_begins_again_says_so() -> None:
    _, shown = view(STARTED, ("delta", {"text": "ha"}), STARTED, ("delta", {"text": "whole", "cut": 3}))
    assert shown == f"ha\n{BEGUN_AGAIN}\n…whole"
    assert view(STARTED, STARTED)[1] == ""
