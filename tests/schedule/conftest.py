"""A world with a disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.spool import Committer
from tests.schedule.world import World


@pytest.fixture
def committer() -> Iterator[Committer]:
    with closing(Committer()) as committer:
        committer.start()
        yield committer


@pytest.fixture
def world(tmp_path: Path, committer: Committer) -> World:
    """At half past eight in Berlin, on a Saturday."""
    return World(tmp_path / "tasks", committer)
