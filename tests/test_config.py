"""Settings: where they come from, and what a value that makes no sense is told."""

from __future__ import annotations

import re
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
     ("A=", ""), ("A=Bob's bot # c", "Bob's bot"), ('A=5" disk', '5" disk')],
)  # fmt: skip
def test_the_file_has_quotes_and_inline_comments(line: str, value: str) -> None:
    assert parse_env(line) == {"A": value}


@pytest.mark.parametrize("line", ['A="x', "A='a' b", "A", "=1"])
def test_a_line_that_is_no_assignment_is_told_by_its_number(line: str) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        parse_env(f"B=1\n{line}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("QUEUE_LIMITS", "QUEUE_LIMIT"), ("OPENCLAW_PROT", "OPENCLAW_PORT"), ("LOGLEVEL", "LOG_LEVEL"),
     ("SUBAGENT_COLOUR", r"\.env\.example")],
)  # fmt: skip
def test_a_name_in_the_file_that_looks_like_a_setting_and_is_none_is_warned_about(
    tmp_path: Path, name: str, meant: str
) -> None:
    (tmp_path / ".env").write_text(f"{name}=1\nDOCKER_HOST=unix:///run/docker.sock\nQUEUE_LIMIT=3\n")
    (warning,) = load({"OPENCLAW_HOME": str(tmp_path)}).warnings
    assert re.search(f"{name} .*{meant}", warning)


@pytest.mark.parametrize(
    ("given", "zone"),
    [("Europe/Berlin", "Europe/Berlin"), (":Europe/Berlin", "Europe/Berlin"), ("UTC0", "UTC0"),
     (":/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"), (":/etc/localtime", ""), ("", ""),
     ("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3"), ("<-03>3", "<-03>3")],
)  # fmt: skip
def test_the_time_zone_may_be_all_that_posix_allows(tmp_path: Path, given: str, zone: str) -> None:
    config = load({"OPENCLAW_HOME": str(tmp_path), "TZ": given})
    assert (config.tz, config.warnings) == (zone, ())


def test_a_home_cannot_be_named_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENCLAW_HOME=/elsewhere\n")
    config = load({"OPENCLAW_HOME": str(tmp_path)})
    assert config.warnings == ()  # the environment has said it
    assert config.home == tmp_path


def test_a_time_zone_of_the_environment_that_is_none_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TZ=Asia/Tokyo")
    config = load({"OPENCLAW_HOME": str(tmp_path), "TZ": "Mars/Olympus"})
    assert config.tz == "Asia/Tokyo"
    assert "Mars/Olympus" in config.warnings[0]


def test_a_time_zone_in_the_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TZ=Mars/Olympus")
    with pytest.raises(ConfigError, match="TZ"):
        load({"OPENCLAW_HOME": str(tmp_path)})


def test_a_home_of_nobody_is_named() -> None:
    with pytest.raises(ConfigError, match="OPENCLAW_HOME=~nosuchuser/x"):
        load({"OPENCLAW_HOME": "~nosuchuser/x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPENCLAW_PORT", "65536"), ("OPENCLAW_PORT", "+1"), ("QUEUE_LIMIT", "0"), ("ENABLE_PERSISTENT_MAIN", "maybe"),
     ("OPENCLAW_HOST", "everywhere"), ("CONTAINER_PREFIX", "A b"), ("LOG_LEVEL", "LOUD")],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load({"OPENCLAW_HOME": str(tmp_path), name: value})


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({}, "offline"),
        ({"ANTHROPIC_API_KEY": "sk-1"}, "messages"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": "t"}, "messages"),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:11434"}, "messages"),
        ({"ANTHROPIC_API_KEY": "sk-1", "AGENT_ENGINE": "offline"}, "offline"),
        ({"ANTHROPIC_API_KEY": "sk-1", "AGENT_ENGINE": "messages"}, "messages"),
    ],
)
def test_a_model_is_asked_where_there_is_one_unless_said_otherwise(
    tmp_path: Path, settings: dict[str, str], engine: str
) -> None:
    assert load({"OPENCLAW_HOME": str(tmp_path), **settings}).engine == engine


def test_an_address_that_others_reach_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OPENCLAW_TOKEN"):
        load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_HOST": "0.0.0.0"})
    load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_HOST": "0.0.0.0", "OPENCLAW_TOKEN": "secret"})


def test_a_bad_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"OPENCLAW_HOME": str(tmp_path), "OPENCLAW_TOKEN": "canary with spaces"})
    assert "canary" not in str(caught.value)


class TestTheModel:
    @pytest.mark.parametrize(
        ("settings", "engine"),
        [
            ({}, "offline"),
            ({"ANTHROPIC_MODEL": "claude"}, "offline"),
            ({"ANTHROPIC_API_KEY": "sk-1"}, "messages"),
            ({"CLAUDE_CODE_OAUTH_TOKEN": "sk-1"}, "messages"),
            ({"ANTHROPIC_BASE_URL": "http://localhost:11434"}, "messages"),
            ({"ANTHROPIC_BASE_URL": "http://localhost:11434", "AGENT_ENGINE": "messages"}, "messages"),
            ({"ANTHROPIC_API_KEY": "sk-1", "AGENT_ENGINE": "offline"}, "offline"),
        ],
    )
    def test_it_answers_where_there_is_a_way_to_it(
        self, tmp_path: Path, settings: dict[str, str], engine: str
    ) -> None:
        assert load({"OPENCLAW_HOME": str(tmp_path), **settings}).engine == engine

    def test_without_any_way_to_it_it_cannot_be_wanted(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="AGENT_ENGINE=messages needs ANTHROPIC_API_KEY"):
            load({"OPENCLAW_HOME": str(tmp_path), "AGENT_ENGINE": "messages"})

    def test_an_engine_that_is_still_to_come_says_what_to_set(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="claude-code is not in this version yet: set messages"):
            load({"OPENCLAW_HOME": str(tmp_path), "AGENT_ENGINE": "claude-code", "ANTHROPIC_API_KEY": "sk-1"})

    @pytest.mark.parametrize(
        "address",
        ["localhost:11434", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://[::1", "http://a b/",
         "http://x?a=b", "http://x/#a", "http://x\\y", "http://ünicode/"],
    )  # fmt: skip
    def test_an_address_that_is_none_is_named(self, tmp_path: Path, address: str) -> None:
        with pytest.raises(ConfigError, match="ANTHROPIC_BASE_URL takes an http or https address such as"):
            load({"OPENCLAW_HOME": str(tmp_path), "ANTHROPIC_BASE_URL": address})

    @pytest.mark.parametrize("end", ["/v1", "/v1/", "/v1/messages", "/v1/messages/"])
    def test_the_apis_own_path_at_the_end_of_the_address_is_left_out_and_said(self, tmp_path: Path, end: str) -> None:
        config = load({"OPENCLAW_HOME": str(tmp_path), "ANTHROPIC_BASE_URL": f"http://localhost:1/llm{end}"})
        assert config.anthropic_base_url == "http://localhost:1/llm"
        (warning,) = config.warnings
        assert "its end is left out" in warning

    @pytest.mark.parametrize("address", ["http://localhost:1/v1/llm", "http://localhost:1/av1", "http://v1"])
    def test_any_other_path_stays(self, tmp_path: Path, address: str) -> None:
        config = load({"OPENCLAW_HOME": str(tmp_path), "ANTHROPIC_BASE_URL": address})
        assert (config.anthropic_base_url, config.warnings) == (address, ())

    def test_a_password_in_the_address_is_refused_and_not_shown(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="without user") as caught:
            load({"OPENCLAW_HOME": str(tmp_path), "ANTHROPIC_BASE_URL": "https://me:canary@x/"})
        assert "canary" not in str(caught.value)

    @pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"])
    def test_a_key_that_no_header_could_bear_is_refused_and_not_shown(self, tmp_path: Path, name: str) -> None:
        for key in ("canary with spaces", "canary\x00", "canäry"):
            with pytest.raises(ConfigError, match=f"{name} takes printable ASCII") as caught:
                load({"OPENCLAW_HOME": str(tmp_path), name: key})
            assert "can" not in str(caught.value).split("takes")[0]

    def test_of_two_credentials_it_is_said_which_is_used(self, tmp_path: Path) -> None:
        home = {"OPENCLAW_HOME": str(tmp_path)}
        (warning,) = load({**home, "ANTHROPIC_API_KEY": "sk-1", "CLAUDE_CODE_OAUTH_TOKEN": "sk-2"}).warnings
        assert "the key is used" in warning

    @pytest.mark.parametrize(
        ("address", "warned"),
        [("http://llm.example/", True), ("https://llm.example", False), ("http://127.0.0.1:1", False),
         ("http://localhost:1", False), ("http://[::1]:1", False), ("http://192.168.1.5:1", True)],
    )  # fmt: skip
    def test_a_key_that_can_be_read_on_its_way_is_warned_about(
        self, tmp_path: Path, address: str, warned: bool
    ) -> None:
        home = {"OPENCLAW_HOME": str(tmp_path), "ANTHROPIC_BASE_URL": address}
        assert [bool("not encrypted" in line) for line in load({**home, "ANTHROPIC_API_KEY": "k"}).warnings] == (
            [True] if warned else []
        )
        assert load(home).warnings == ()
