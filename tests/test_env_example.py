"""`.env.example` is written from the settings: it lists each with its default, and works when it is copied."""

from __future__ import annotations

import re
from pathlib import Path

from openclaw import config

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"


def test_it_is_what_the_settings_say() -> None:
    assert EXAMPLE.read_text() == config.example(), "write it anew: python -m openclaw.config > .env.example"


def test_every_setting_says_what_it_does_in_one_line() -> None:
    for setting in config.SETTINGS:
        assert setting.about.isprintable()
        assert setting.about


def test_with_every_line_uncommented_nothing_changes(tmp_path: Path) -> None:
    uncommented = re.sub(r"(?m)^#([A-Z])", r"\1", EXAMPLE.read_text())
    assert set(config.parse_env(uncommented)) == {setting.name for setting in config.SETTINGS}
    home = {"OPENCLAW_HOME": str(tmp_path)}
    plain = config.load(home)

    (tmp_path / ".env").write_text(uncommented)

    assert config.load(home) == plain
