"""Settings: where they come from, and what a value that makes no sense is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.config import load, parse_env
from openclaw.errors import ConfigError


def test_real_variables_win_over_the_file_and_the_last_of_two_equal_names_in_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENCLAW_PORT=1\nOPENCLAW_PORT=2\nQUEUE_LIMIT=3\n")
    config = load({"OPENCLAW_HOME": str(tmp_path), "QUEUE_LIMIT": "4"})
    assert (config.openclaw_port, config.queue_limit) == (2, 4)


def test_times_are_milliseconds_outside_and_seconds_inside(tmp_path: Path) -> None:
    config = load({"OPENCLAW_HOME": str(tmp_path), "PERSISTENT_REQUEST_TIMEOUT": "1500"})
    assert config.persistent_request_timeout == 1.5


@pytest.mark.parametrize(
    ("line", "value"),
    [("A=1", "1"), ("export A=1", "1"), ("A='a # b' # c", "a # b"), ('A="x"', "x"), ("A=a#b", "a#b"), ("A=1 # c", "1"),
     ("A=", "")],
)  # fmt: skip
def test_the_file_has_quotes_and_inline_comments(line: str, value: str) -> None:
    assert parse_env(line) == {"A": value}


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPENCLAW_PORT", "65536"), ("OPENCLAW_PORT", "+1"), ("QUEUE_LIMIT", "0"), ("ENABLE_PERSISTENT_MAIN", "maybe"),
     ("TZ", "Mars/Olympus"), ("OPENCLAW_HOST", "everywhere"), ("CONTAINER_PREFIX", "A b"), ("LOG_LEVEL", "LOUD")],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load({"OPENCLAW_HOME": str(tmp_path), name: value})


def test_an_address_that_others_reach_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OPENCLAW_TOKEN"):
        load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_HOST": "0.0.0.0"})
    load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_HOST": "0.0.0.0", "OPENCLAW_TOKEN": "secret"})


def test_a_bad_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_TOKEN": "canary with spaces"})
    assert "canary" not in str(caught.value)
