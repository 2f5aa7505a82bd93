from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.spool import DropDir


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[DropDir]:
    """An empty drop directory."""
    directory = DropDir(tmp_path / "drops")
    yield directory
    directory.close()
