"""Which texts ask for a container of their own."""

from __future__ import annotations

import pytest

from openclaw.message import complexity_signals


@pytest.mark.parametrize(
    "text",
    [
        "refactor these files",
        "run the test suite",
        "git commit and push",
        "drop the users table",
        "do both in parallel",
        "read this large dataset",
        "x" * 2001,
    ],
)
def test_heavy_or_risky_work_is_recognised(text: str) -> None:
    assert complexity_signals(text)


@pytest.mark.parametrize("text", ["hello", "what is a database?", "explain this function", "x" * 2000])
def test_a_simple_query_has_no_signal(text: str) -> None:
    assert complexity_signals(text) == []
