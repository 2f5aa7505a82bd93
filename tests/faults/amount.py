"""How much of each fault a run takes, what it has counted, and what it needs that not every machine has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import pytest

LONG: Final = os.environ.get("OPENCLAW_FAULTS") == "long"
"""`make faults` takes all of it, an ordinary run a little."""

Figure = Callable[[str], None]
"""Notes one figure, which the run prints at its end."""

_T = TypeVar("_T")


def amount(short: _T, long: _T) -> _T:
    """`short` in an ordinary run, `long` in `make faults`."""
    return long if LONG else short


def cannot(reason: str) -> NoReturn:
    """Skip the test; where CI runs as root, which has all that it takes, that is a failure."""
    if os.environ.get("OPENCLAW_REQUIRE_DOCKER") == "1" and os.geteuid() == 0:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
