"""The services beside this file whose findings are scored: what is wrong in them was marked before the audit saw them.

On a line, `#! 5.2 C +9 @-1,2; 9.1 I` marks defects: their points (the first gives the dimension), C for a critical one,
`+` other dimensions under which the same may be told, `@` other lines, relative to this one, where it may be. `#? 4 9`
are dimensions of which a finding there counts neither way. A file without a `#!` is a clean one, full of near misses.
A file's name is its module's: `relay.base.txt` is `relay/base.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SCORED = Path(__file__).parent / "corpus" / "scored"
NEAR = 2
"""Lines beside a mark where its defect may be told."""

_DEFECTS = re.compile(r"#! (.*?)(?: #\?|$)")
_NEUTRAL = re.compile(r"#\? ([\d ]+)")
_BESIDE = {
    "1.5": {4, 7},
    "2.2": {8},
    "3.3": {4},
    "4.2": {8},
    "4.3": {1},
    "5.4": {1},
    "7.1": {9},
    "7.5": {4},
    "7.6": {2, 8},
    "8.1": {4},
    "8.3": {2},
    "8.4": {4},
    "9.4": {2},
}
"""Points that may as well be told under another dimension."""


@dataclass(frozen=True)
class Defect:
    lines: frozenset[int]
    dimension: int
    beside: frozenset[int]
    critical: bool


@dataclass
class Service:
    path: str
    text: str
    defects: list[Defect] = field(default_factory=list)
    neutral: set[tuple[int, int]] = field(default_factory=set)


@dataclass
class Score:
    found: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    marked: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    critical: list[bool] = field(default_factory=list)
    right: int = 0
    own: int = 0
    """Of the right ones, those under the defect's own dimension."""
    wrong: list[tuple[str, int, int]] = field(default_factory=list)
    repeated: int = 0
    flagged: set[str] = field(default_factory=set)
    """Clean files of which something was said."""

    @property
    def recall(self) -> float:
        return sum(self.found.values()) / sum(self.marked.values())

    @property
    def precision(self) -> float:
        return self.right / (self.right + len(self.wrong))

    @property
    def own_precision(self) -> float:
        return self.own / (self.right + len(self.wrong) + self.repeated)


def services() -> Iterator[Service]:
    for path in sorted(SCORED.glob("*.txt")):
        yield _marked(path.stem.replace(".", "/") + ".py", path.read_text(encoding="utf-8"))


def _marked(path: str, text: str) -> Service:
    service = Service(path, text)
    for number, line in enumerate(text.splitlines(), 1):
        if found := _DEFECTS.search(line):
            service.defects += [_defect(number, part) for part in found.group(1).split(";")]
        if found := _NEUTRAL.search(line):
            service.neutral.update((number, int(dimension)) for dimension in found.group(1).split())
    return service


def _defect(number: int, marks: str) -> Defect:
    points = re.findall(r"\b[1-9]\.[1-9]\b", marks)
    beside = {
        int(found) for given in re.findall(r"\+([\d,]+)", marks.split("@", maxsplit=1)[0]) for found in given.split(",")
    }
    other = {number + int(found) for given in re.findall(r"@(\S+)", marks) for found in given.split(",")}
    dimension = int(points[0][0])
    every = beside.union(*(_BESIDE.get(point, set()) for point in points)) - {dimension}
    return Defect(frozenset({number, *other}), dimension, frozenset(every), re.search(r"\bC\b", marks) is not None)


def score(found: Iterable[tuple[str, int, int]]) -> Score:
    """Findings (path, line, dimension) against the marks: each defect is matched once, its own dimension first."""
    by_path = defaultdict(list)
    for path, line, dimension in found:
        by_path[path].append((line, dimension))
    total = Score()
    for service in services():
        _match(service, by_path[service.path], total)
    return total


def _match(service: Service, findings: list[tuple[int, int]], total: Score) -> None:
    met: dict[Defect, bool] = {}
    for own in (True, False):
        for line, dimension in sorted(set(findings)):
            fits = [defect for defect in service.defects if _fits(defect, line, dimension)]
            free = [defect for defect in fits if defect not in met and (defect.dimension == dimension) is own]
            if free:
                met[min(free, key=lambda defect: min(abs(line - place) for place in defect.lines))] = own
                findings = [other for other in findings if other != (line, dimension)]
    for line, dimension in set(findings):
        if any(_fits(defect, line, dimension) for defect in service.defects):
            total.repeated += 1
        elif not any((line + near, dimension) in service.neutral for near in range(-NEAR, NEAR + 1)):
            total.wrong.append((service.path, line, dimension))
            if not service.defects:
                total.flagged.add(service.path)
    total.right += len(met)
    total.own += sum(met.values())
    for defect in service.defects:
        total.marked[defect.dimension] += 1
        total.found[defect.dimension] += defect in met
        if defect.critical:
            total.critical.append(defect in met)


def _fits(defect: Defect, line: int, dimension: int) -> bool:
    return (dimension == defect.dimension or dimension in defect.beside) and any(
        abs(line - place) <= NEAR for place in defect.lines
    )
