"""The offline engine: a few rules, and never a word that hides what it is."""

from __future__ import annotations

import threading

import pytest

from agent_runner.engines import engine_from
from agent_runner.engines.offline import ECHO_LIMIT, OfflineEngine
from openclaw.errors import ConfigError
from openclaw.message import Message


def ask(text: str, attempt: int = 1) -> str:
    return OfflineEngine("Claw").answer(Message(text), threading.Event(), attempt)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Hello there", "Hello, I am Claw."),
        ("what can you do?", "I am Claw. I return greetings"),
        ("What is the time?", "It is "),
        ("what is 6 * 7?", "6 * 7 = 42."),
        ("7 / 2", "7 / 2 = 3.5."),
        ("1/0", "Nothing can be divided by zero."),
        ("tell me a story", "You said: tell me a story"),
        ("history", "You said: history"),
    ],
)
def test_each_rule_answers_and_says_that_no_model_is_behind_it(text: str, begins: str) -> None:
    answer = ask(text)

    assert answer.startswith(begins)
    assert "I am the offline engine" in answer
    assert "no model" in answer


def test_a_long_text_is_not_repeated_whole() -> None:
    assert "x" * ECHO_LIMIT + "…\n" in ask("x" * 10_000)


def test_a_later_attempt_is_said() -> None:
    assert ask("hello", attempt=2).startswith("(Attempt 2: an earlier one was cut off.)")


def test_a_cancel_ends_the_wait_for_its_latency() -> None:
    cancel = threading.Event()
    cancel.set()

    assert OfflineEngine(latency=3600).answer(Message("hello"), cancel, 1) == ""


def test_the_environment_chooses_the_engine() -> None:
    assert isinstance(engine_from({}), OfflineEngine)
    assert isinstance(engine_from({"OPENCLAW_ENGINE": "offline", "OPENCLAW_OFFLINE_LATENCY_MS": "5"}), OfflineEngine)
    with pytest.raises(ConfigError, match="OPENCLAW_ENGINE takes offline"):
        engine_from({"OPENCLAW_ENGINE": "other"})
    with pytest.raises(ConfigError, match="whole milliseconds"):
        engine_from({"OPENCLAW_OFFLINE_LATENCY_MS": "-1"})
