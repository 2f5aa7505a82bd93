"""Report: what a run came to, as values; `table` shows it, JSON keeps it for a later comparison. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from openclaw.bench.figure import Figure, Row
from openclaw.bench.machine import Machine


@dataclass(frozen=True)
class Result:
    """One figure: its rows; or `error`, why it could not be measured; or `skipped`, why it does not apply here."""

    figure: Figure
    rows: tuple[Row, ...] = ()
    error: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class Report:
    """A whole run."""

    machine: Machine
    quick: bool
    results: tuple[Result, ...]

    @property
    def measured(self) -> bool:
        """Whether there is at least one figure, and none that failed to be measured."""
        return any(result.rows for result in self.results) and not any(result.error for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Numbers as they were measured, not rounded, in the units that stand beside them."""
        return {
            "machine": asdict(self.machine),
            "quick": self.quick,
            "figures": [_result(result) for result in self.results],
        }


def _result(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = {"name": result.figure.name, "about": result.figure.about}
    if result.error:
        value["error"] = result.error
    if result.skipped:
        value["skipped"] = result.skipped
    value["rows"] = [_row(row) for row in result.rows]
    return value


def _row(row: Row) -> dict[str, Any]:
    target = row.target
    return {
        "what": target.what,
        "number": row.number,
        "unit": target.unit,
        "limit": target.limit,
        "at_least": target.at_least,
        "met": row.met,
        "of": row.of,
        "beside": [one._asdict() for one in row.beside],
    }
