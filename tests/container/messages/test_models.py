"""Which model a profile gets: the one that it names, if the installation's API can have it."""

from __future__ import annotations

import pytest

from agent_runner.engines.messages.models import chosen


@pytest.mark.parametrize(
    ("wanted", "configured", "expected"),
    [
        ("", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("haiku", "claude-sonnet-4-5", "claude-haiku-4-5"),
        ("sonnet", "claude-sonnet-5-1", "claude-sonnet-5-1"),
        ("sonnet", "qwen3:30b", "qwen3:30b"),
        ("qwen3:4b", "qwen3:30b", "qwen3:4b"),
        ("claude-opus-4-1", "claude-sonnet-4-5", "claude-opus-4-1"),
    ],
)
def test_the_model_is(wanted: str, configured: str, expected: str) -> None:
    assert chosen(wanted, configured) == expected
