"""How much of what is wrong in many services the audit finds, and how much it says that is not so.

Not all is found, and not all that is said was marked: these files were written and marked before the audit read them,
and what people would call a defect has an edge. The bounds hold what has been reached.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.audit.run import audit
from tests.audit.scored_files import Score, score, services


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Score:
    folder = tmp_path_factory.mktemp("services")
    for service in services():
        place = Path(folder, service.path)
        place.parent.mkdir(exist_ok=True)
        if place.parent != folder:
            (place.parent / "__init__.py").touch()
        place.write_text(service.text, encoding="utf-8")
    found = audit([str(folder)]).findings
    return score((str(Path(each.path).relative_to(folder)), each.line, each.dimension) for each in found)


def test_most_of_what_is_wrong_is_found(scored: Score) -> None:
    assert scored.recall >= 0.92


def test_what_serialises_or_exhausts_everything_is_found(scored: Score) -> None:
    assert sum(scored.critical) / len(scored.critical) >= 0.95


def test_no_dimension_is_left_behind(scored: Score) -> None:
    shares = {dimension: scored.found[dimension] / marked for dimension, marked in scored.marked.items()}

    assert set(shares) == set(range(1, 10))
    assert min(shares.values()) >= 0.82


def test_hardly_anything_is_said_that_is_not_so(scored: Score) -> None:
    assert scored.precision >= 0.96, scored.wrong


def test_a_defect_is_told_once_and_under_its_own_dimension(scored: Score) -> None:
    assert scored.own_precision >= 0.9


def test_of_clean_services_next_to_nothing_is_said(scored: Score) -> None:
    assert len(scored.flagged) <= 1, scored.flagged
