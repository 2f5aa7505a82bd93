"""The report: five sections, headings and marks of the specification, a figure and its origin in every claim."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from openclaw.audit import dimensions
from openclaw.audit.advice import ADVICE
from openclaw.audit.command import rendered, weighed
from openclaw.audit.costs import Costs
from openclaw.audit.report import code
from openclaw.audit.words import ENGLISH, LANGUAGES, SPANISH, Words
from tests.audit.corpus_files import files

HEADINGS = {
    "es": [
        "## 1. Diagnóstico Actual",
        "## 2. Puntos Críticos Detectados",
        "## 3. Propuesta Técnica Concreta",
        "## 4. Impacto Estimado",
        "| Optimización | Métrica Actual (est.) | Métrica Esperada | Mejora |",
        "|---|---|---|---|",
        "## 5. Roadmap de Optimización",
        "### Fase 1 — Quick Wins (1-2 días)",
        "### Fase 2 — Mejoras Estructurales (3-5 días)",
        "### Fase 3 — Optimización Avanzada (1-2 semanas)",
    ],
    "en": [
        "## 1. Current Diagnosis",
        "## 2. Critical Points Detected",
        "## 3. Concrete Technical Proposal",
        "## 4. Estimated Impact",
        "| Optimization | Current Metric (est.) | Expected Metric | Improvement |",
        "|---|---|---|---|",
        "## 5. Optimization Roadmap",
        "### Phase 1 — Quick Wins (1-2 days)",
        "### Phase 2 — Structural Improvements (3-5 days)",
        "### Phase 3 — Advanced Optimization (1-2 weeks)",
    ],
}
PARTS = {
    "es": ["**Situación actual**", "**Cambio propuesto**", "**Justificación**", "**Código ejemplo**"],
    "en": ["**Current situation**", "**Proposed change**", "**Justification**", "**Example code**"],
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of the corpus: nearly every rule has something to say there."""
    folder = tmp_path_factory.mktemp("corpus")
    for marked in files():
        (folder / f"{marked.name}.py").write_text(marked.text, encoding="utf-8")
    return folder


def report(corpus: Path, words: Words) -> str:
    return rendered(weighed([str(corpus)], Costs(), 100), words, "report", 100, False)


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_headings_tables_and_phases_stand_in_their_order(corpus: Path, words: Words) -> None:
    lines = report(corpus, words).splitlines()
    fixed = [line for line in lines if line in HEADINGS[words.lang]]

    assert fixed == HEADINGS[words.lang]
    assert all(line.startswith(words.point) for line in lines if line.startswith("### ") and line not in fixed)


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_point_has_its_four_parts_with_code(corpus: Path, words: Words) -> None:
    points = report(corpus, words).split(words.point)[1:]

    for point in points:
        assert [part for part in PARTS[words.lang] if part in point] == PARTS[words.lang]
        assert re.search(r"```python\n.+?\n```", point, re.DOTALL)


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_claim_has_a_figure_and_says_where_it_is_from(corpus: Path, words: Words) -> None:
    text = report(corpus, words)
    claims = [line for line in text.splitlines() if re.match(r"- (🔴|🟡|🟢)", line)]

    assert len(claims) > 100
    for claim in claims:
        assert re.search(r"\d", claim.split(" — ", 1)[1])
        assert claim.endswith(tuple(f"({basis})" for basis in words.basis.values()))


def test_what_was_read_is_counted_as_its_author_would(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def f():\n    return 1\n# end\n")
    assert "1 file, 3 lines, 1 function;" in report(tmp_path, ENGLISH)


def test_severities_have_the_marks_of_the_specification(corpus: Path) -> None:
    for words, marks in (
        (SPANISH, ("🔴 CRÍTICO: ", "🟡 IMPORTANTE: ", "🟢 MENOR: ")),
        (ENGLISH, ("🔴 CRITICAL: ", "🟡 IMPORTANT: ", "🟢 MINOR: ")),
    ):
        assert all(f"- {mark}" in report(corpus, words) for mark in marks)


@pytest.mark.parametrize("rule", ADVICE)
def test_no_advice_asks_for_a_framework(rule: str) -> None:
    advice = ADVICE[rule]
    texts = [*advice.title, *advice.why, *advice.change, *advice.trade, advice.code]

    assert not re.search(
        r"asyncio|tornado|fastapi|redis|postgres|twisted|celery|rabbitmq|kafka|sqlite", " ".join(texts), re.I
    )


def test_nothing_that_is_found_is_left_without_words(corpus: Path) -> None:
    told = {finding.rule for finding in weighed([str(corpus)], Costs(), 100).findings}
    sources = "".join(path.read_text() for path in Path(dimensions.__file__).parent.glob("*.py"))

    assert told <= ADVICE.keys()
    assert all(f'"{rule}"' in sources for rule in ADVICE)


def test_an_audit_without_findings_has_the_same_five_sections(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("x = 1\n")

    assert [line for line in report(tmp_path, SPANISH).splitlines() if line in HEADINGS["es"]] == HEADINGS["es"]


def test_the_code_of_every_proposal_is_python(corpus: Path) -> None:
    for finding in weighed([str(corpus)], Costs(), 100).findings:
        change = code(finding, ENGLISH, 100)
        try:
            ast.parse(change)
        except SyntaxError as error:
            pytest.fail(f"{finding.rule}: {error}\n{change}")
