"""A soak of some seconds, as `python -m tests.faults.soak` makes it of minutes and hours; the long form is an hour.

OPENCLAW_FAULTS=long asks for that; SOAK_MINUTES for another length.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.faults.soak.__main__ import soak, table
from tests.faults.soak.run import Plan

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "60")) if os.environ.get("OPENCLAW_FAULTS") == "long" else None


def plan(seed: int) -> Plan:
    if MINUTES is None:
        return Plan(2.5, 8, seed, kill_every=0.4, restart_every=0.5, work=0.6, heavy=30)
    return Plan(MINUTES * 60, 100, seed, kill_every=2.0, restart_every=15.0, work=3.0, heavy=20)


def test_what_is_killed_all_the_time_loses_nothing_and_holds_no_more_than_before(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("seed", seed := random.randrange(2**32))

    result = soak(tmp_path / "home", "process", plan(seed))

    assert result.wrong == [], table(result)
    assert result.kills > 0
    assert result.restarts > 0
    assert result.outcomes["done 1"] > 0
