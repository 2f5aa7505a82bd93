"""The page in a real browser: tests here are skipped without one, or fail where OPENCLAW_REQUIRE_CHROMIUM=1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chromium import Chromium, program
from tests.support.service import RunningService


@pytest.fixture(scope="session")
def executable() -> str:
    found = program()
    if found is None:
        why = "no Chromium here: apt-get install chromium"
        if os.environ.get("OPENCLAW_REQUIRE_CHROMIUM") == "1":
            pytest.fail(f"OPENCLAW_REQUIRE_CHROMIUM=1, but {why}", pytrace=False)
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def browser(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(executable, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="module")
def service(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One for all tests of a module; each has a session of its own there."""
    home: Path = tmp_path_factory.mktemp("page") / "home"
    home.mkdir()
    with RunningService(home) as running:
        yield running
