"""Settings: what the environment says, and a small window that is not given to the answer alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner.engines.messages.settings import Settings
from openclaw.errors import ConfigError


def test_without_a_word_there_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert Settings.from_environ({}) == Settings(group=tmp_path)


def test_the_environment_sets_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {
        "ASSISTANT_NAME": "Ada",
        "OPENCLAW_ROLE": "standby",
        "OPENCLAW_MODEL": "llama",
        "OPENCLAW_GATEWAY": "/s",
        "OPENCLAW_MAX_TOKENS": "1000",
        "OPENCLAW_CONTEXT_TOKENS": "8192",
        "OPENCLAW_SILENCE_MS": "500",
        "OPENCLAW_GLOBAL": "/g",
    }

    settings = Settings.from_environ(environ)

    assert settings == Settings("Ada", "standby", "llama", "/s", 1000, 8192, 0.5, tmp_path, Path("/g"))
    assert (settings.answer_tokens, settings.room) == (1000, 7192)


def test_a_small_window_keeps_room_for_the_question() -> None:
    settings = Settings(max_tokens=16_000, context_tokens=8192)

    assert (settings.answer_tokens, settings.room) == (2048, 6144)


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPENCLAW_MAX_TOKENS", "many"), ("OPENCLAW_CONTEXT_TOKENS", "1000"), ("OPENCLAW_SILENCE_MS", "-1")],
)
def test_a_number_that_makes_no_sense_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_environ({name: value})
