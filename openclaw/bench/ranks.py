"""Ranks: the numbers by which a list of times is told. Pure functions; milliseconds out where the name says so."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` % of them do not exceed: one that was measured, never between.

    Raises ValueError where there is none.
    """
    if not values:
        raise ValueError("nothing was measured")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def median_ms(seconds: Sequence[float]) -> float:
    """The 50th percentile, in milliseconds."""
    return percentile_ms(seconds, 50)


def percentile_ms(seconds: Sequence[float], percent: float) -> float:
    """A percentile of times in seconds, in milliseconds."""
    return percentile(seconds, percent) * 1000
