"""What the audit finds in services as people write them, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.audit.run import audit
from tests.audit.corpus_files import Marked, files

NEAR = 1
"""A defect of several lines may be told on the one or the other of them."""


@pytest.mark.parametrize("marked", files(), ids=lambda marked: marked.name)
def test_what_is_marked_is_found_and_nothing_else(marked: Marked, tmp_path: Path) -> None:
    (tmp_path / f"{marked.name}.py").write_text(marked.text, encoding="utf-8")

    findings = audit([str(tmp_path)]).findings

    met: set[tuple[int, str]] = set()
    beside = []
    for finding in findings:
        near = range(finding.line - NEAR, finding.line + NEAR + 1)
        own = [point for point in finding.points if int(point[0]) == finding.dimension]
        hits = {(line, point) for line in near for point in own} & marked.must
        met |= hits
        if not hits and not any((line, finding.dimension) in marked.may for line in near):
            beside.append((finding.line, finding.rule, finding.points))
    assert sorted(marked.must - met) == []
    assert beside == []
