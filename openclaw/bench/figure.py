"""What a figure is: its name, what it must come to, and how it is measured; and the rows that come of it.

Types without state, and no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from openclaw.errors import OpenClawError

if TYPE_CHECKING:
    from openclaw.bench.bench import Bench


class NotMeasured(OpenClawError):
    """A figure could not be measured here, and why."""


class Target(NamedTuple):
    """What one number of a figure must come to: at most `limit`, or with `at_least` no less."""

    what: str
    limit: float
    unit: str
    at_least: bool = False

    def met(self, number: float) -> bool:
        return number >= self.limit if self.at_least else number <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {quantity(self.limit, self.unit)}"


class Beside(NamedTuple):
    """A number measured in the same run, to read another one by: a floor, or the same without something."""

    what: str
    number: float
    unit: str

    def __str__(self) -> str:
        return f"{self.what} {quantity(self.number, self.unit)}"


class Row(NamedTuple):
    """One measured number and its target. `of` says from how many of what it was taken."""

    target: Target
    number: float
    beside: Sequence[Beside] = ()
    of: str = ""

    @property
    def met(self) -> bool:
        return self.target.met(self.number)


@dataclass(frozen=True)
class Figure:
    """One thing worth measuring. `measure` returns a row for each target; it raises what MEASURE_ERRORS lists."""

    name: str
    about: str
    targets: tuple[Target, ...]
    measure: Callable[[Bench], list[Row]]
    needs_engine: bool = False

    @property
    def target(self) -> str:
        """The targets in one line."""
        return ", ".join(f"{target.what} {target}" for target in self.targets)


def quantity(number: float, unit: str) -> str:
    """A number as people read it: three digits that count, thousands apart, and its unit."""
    shown = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    return f"{shown}{'' if unit in ('/s', '×') else ' '}{unit}"
