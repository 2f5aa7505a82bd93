"""The corpus beside this file: services as people write them, what is wrong in them marked on its line.

`#! 4.3 9.2` marks a line that must be found under these points; `#? 4` one where a finding of that dimension may be.
Everything else in the files is a near miss: nothing may be said of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
_MUST = re.compile(r"#! ([\d. ]+)")
_MAY = re.compile(r"#\? ([\d ]+)")


@dataclass(frozen=True)
class Marked:
    """A file of the corpus: (line, point) that must be found, (line, dimension) that may be."""

    name: str
    text: str
    must: frozenset[tuple[int, str]]
    may: frozenset[tuple[int, int]]


def files() -> list[Marked]:
    return [_marked(path) for path in sorted(CORPUS.glob("*.txt"))]


def _marked(path: Path) -> Marked:
    text = path.read_text(encoding="utf-8")
    must: set[tuple[int, str]] = set()
    may: set[tuple[int, int]] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _MUST.search(line):
            must.update((number, point) for point in found.group(1).split())
        if found := _MAY.search(line):
            may.update((number, int(dimension)) for dimension in found.group(1).split())
    return Marked(path.stem, text, frozenset(must), frozenset(may))
