"""A bench without an engine, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.bench.bench import Bench
from openclaw.clock import SystemClock


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, None, quick=True, clock=SystemClock())
