"""The report as a table for a terminal: pure text, every column as wide as its widest cell."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw.bench.figure import Row, quantity
from openclaw.bench.report import Report, Result

_HEAD = ("figure", "measured", "target", "", "beside it, in the same run")
_GAP = "  "


def render(report: Report) -> str:
    """The machine, then a line for each number, without a newline at the end."""
    return "\n".join([*_machine(report), "", *_aligned([_HEAD, *_cells(report.results)]), *_reasons(report.results)])


def _machine(report: Report) -> Iterator[str]:
    machine = report.machine
    yield f"openclaw {machine.openclaw}, {machine.date}"
    yield (
        f"machine  {machine.cpus} × {machine.cpu}, {machine.kernel}, Python {machine.python}, "
        f"home on {machine.file_system}, load {machine.load:g}"
    )
    yield f"runtime  {machine.runtime}; offline engine at 0 ms where a figure names no model"
    if report.quick:
        yield "quick    few samples of everything: for a look, not to be quoted"


def _cells(results: tuple[Result, ...]) -> Iterator[tuple[str, ...]]:
    for result in results:
        for number, row in enumerate(result.rows):
            yield (
                "" if number else result.figure.name,
                f"{row.target.what} {quantity(row.number, row.target.unit)}",
                str(row.target),
                "ok" if row.met else "MISSED",
                _beside(row),
            )
        if not result.rows:
            yield result.figure.name, "not measured", result.figure.target, "", ""


def _beside(row: Row) -> str:
    return "; ".join([*map(str, row.beside), *([row.of] if row.of else [])])


def _aligned(lines: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _reasons(results: tuple[Result, ...]) -> Iterator[str]:
    """Why figures are missing, below the table, where there is room."""
    for result in results:
        if why := result.error or result.skipped:
            yield f"{result.figure.name} was not measured: {why}"
