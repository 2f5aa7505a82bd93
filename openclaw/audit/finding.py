"""A finding: where, which points of the specification, how much it costs, and what its texts are filled with."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from openclaw.audit.model import Function


class Severity(enum.IntEnum):
    """What it does at the number of agents that is asked for."""

    MINOR = 1
    IMPORTANT = 2
    CRITICAL = 3


@dataclass(slots=True)
class Estimate:
    """One quantity before and after the change, in `unit` (`ms`, `MB`, `threads`, `ops/s`, …), for all agents."""

    before: float
    after: float
    unit: str
    basis: str = ""
    """The keys of the reference costs that it was made from."""


@dataclass(slots=True)
class Finding:
    """One defect. The first of `points` gives its dimension; `rule` chooses its texts."""

    path: str
    line: int
    rule: str
    points: tuple[str, ...]
    function: str
    severity: Severity
    facts: dict[str, str] = field(default_factory=dict)
    estimate: Estimate | None = None
    hot: bool = True
    """Whether its place is run again and again, as far as the project tells; elsewhere nothing is critical by cost."""

    @property
    def dimension(self) -> int:
        return int(self.points[0][0])


def found(
    function: Function,
    line: int,
    rule: str,
    *points: str,
    severity: Severity = Severity.IMPORTANT,
    facts: dict[str, str] | None = None,
    **more: str,
) -> Finding:
    """A finding in `function`. `facts` and `more` fill the placeholders of the rule's texts."""
    told = {"function": function.qualname, **(facts or {}), **more}
    return Finding(function.module.path, line, rule, points, function.qualname, severity, told, hot=bool(function.heat))
