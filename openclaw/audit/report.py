"""The report in five sections, as the specification has them, in Spanish or English. Pure text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from openclaw.audit.advice import ADVICE
from openclaw.audit.finding import Finding, Severity
from openclaw.audit.run import Result
from openclaw.audit.words import Words, count, improvement, quantity

Group = list[Finding]


def render(result: Result, words: Words, agents: int, calibrated: bool) -> str:
    """The whole report, ending with a newline."""
    groups = _groups(result.findings)
    lines = [
        *_diagnosis(result, words, agents, calibrated),
        *_points(result.findings, words, agents),
        *_proposals(groups, words, agents),
        *_impact(groups, words),
        *_roadmap(groups, words),
    ]
    return "\n".join(lines) + "\n"


def filled(template: str, finding: Finding, words: Words, agents: int) -> str:
    """A text of the advice with the finding's facts and figures in it."""
    estimate = finding.estimate
    assert estimate is not None
    figures = {
        "agents": str(agents),
        "before": quantity(estimate.before, estimate.unit, words),
        "after": quantity(estimate.after, estimate.unit, words),
    }
    return template.format_map(_Facts({**finding.facts, **figures}))


def code(finding: Finding, words: Words, agents: int) -> str:
    """The change as Python; what was cut in the finding's facts stands there as `...`."""
    cut = {key: "..." if value.endswith("…") else value for key, value in finding.facts.items()}
    return filled(ADVICE[finding.rule].code, replace(finding, facts=cut), words, agents)


class _Facts(dict[str, str]):
    """What a text has no fact for stays as an ellipsis."""

    def __missing__(self, key: str) -> str:
        return "…"


def _groups(findings: list[Finding]) -> list[Group]:
    """Findings of one rule together, the gravest rule first."""
    by_rule: dict[str, Group] = {}
    for finding in sorted(findings, key=lambda found: (-found.severity, found.path, found.line)):
        by_rule.setdefault(finding.rule, []).append(finding)
    return sorted(by_rule.values(), key=lambda group: (-group[0].severity, group[0].points[0]))


def _diagnosis(result: Result, words: Words, agents: int, calibrated: bool) -> Iterator[str]:
    yield words.headings[0]
    yield ""
    counts = Counter(finding.severity for finding in result.findings)
    dimensions = Counter(finding.dimension for finding in result.findings)
    marks = ", ".join(f"{counts[severity]} {words.severities[severity]}" for severity in reversed(Severity))
    told = words.diagnosis
    numbers = {"files": result.files, "lines": result.lines, "functions": result.functions}
    yield "- " + told.read.format(hot=result.hot, **{name: count(many, name, words) for name, many in numbers.items()})
    if not result.files:
        yield "- " + told.nothing
    yield "- " + told.found.format(agents=count(agents, "agents", words), marks=marks)
    yield "- " + (told.calibrated if calibrated else told.reference)
    if result.silenced:
        yield "- " + told.silenced.format(count=len(result.silenced))
    if result.passed:
        named = "; ".join(f"{passed.path}: {passed.reason}" for passed in result.passed[:10])
        yield "- " + told.passed.format(count=len(result.passed), named=named)
    for dimension, found in sorted(dimensions.items()):
        yield f"- {dimension}. {words.dimensions[dimension - 1]}: {found}"
    yield ""


def _points(findings: list[Finding], words: Words, agents: int) -> Iterator[str]:
    yield words.headings[1]
    yield ""
    for finding in sorted(findings, key=lambda found: (-found.severity, found.path, found.line)):
        assert finding.estimate is not None
        advice = ADVICE[finding.rule]
        title = filled(advice.title[words.index], finding, words, agents)
        why = filled(advice.why[words.index], finding, words, agents)
        basis = words.basis[finding.estimate.basis]
        yield (
            f"- {words.severities[finding.severity]}: {finding.path}:{finding.line} ({', '.join(finding.points)}) "
            f"{title} — {why} ({basis})"
        )
    if not findings:
        yield f"- {words.none}"
    yield ""


def _proposals(groups: list[Group], words: Words, agents: int) -> Iterator[str]:
    yield words.headings[2]
    yield ""
    for group in groups:
        first = group[0]
        advice = ADVICE[first.rule]
        place = f"{first.path}:{first.line} (`{first.function}`)"
        more = f", +{count(len(group) - 1, 'places', words)}" if len(group) > 1 else ""
        assert first.estimate is not None
        yield words.point + filled(advice.title[words.index], first, words, agents)
        why = filled(advice.why[words.index], first, words, agents)
        basis = words.basis[first.estimate.basis]
        trade = filled(advice.trade[words.index], first, words, agents)
        yield f"- **{words.situation}**: {place}{more}: {why} ({basis})."
        yield f"- **{words.change}**: {filled(advice.change[words.index], first, words, agents)}."
        yield f"- **{words.reason}**: {improvement(first.estimate, words)} ({basis}). {words.trade}: {trade}."
        yield f"- **{words.code}**:"
        yield "```python"
        yield code(first, words, agents)
        yield "```"
        yield ""
    if not groups:
        yield words.none
        yield ""


def _impact(groups: list[Group], words: Words) -> Iterator[str]:
    yield words.headings[3]
    yield ""
    yield words.table
    yield "|---|---|---|---|"
    for group in groups:
        first = group[0]
        estimate = first.estimate
        assert estimate is not None
        name = ADVICE[first.rule].change[words.index]
        change = filled(name, first, words, 0).replace("|", "\\|")
        before = quantity(estimate.before, estimate.unit, words)
        after = quantity(estimate.after, estimate.unit, words)
        better = improvement(estimate, words)
        figures = " | ".join(f"{figure} ({words.basis[estimate.basis]})" for figure in (before, after, better))
        yield f"| {change} ({first.points[0]}, ×{len(group)}) | {figures} |"
    yield ""


def _roadmap(groups: list[Group], words: Words) -> Iterator[str]:
    yield words.headings[4]
    for number, heading in enumerate(words.phases, 1):
        yield ""
        yield heading
        chosen = [group for group in groups if ADVICE[group[0].rule].phase == number]
        for group in chosen:
            places = ", ".join(f"{finding.path}:{finding.line}" for finding in group[:3])
            rest = f", +{len(group) - 3}" if len(group) > 3 else ""
            yield f"- [ ] {filled(ADVICE[group[0].rule].change[words.index], group[0], words, 0)}: {places}{rest}"
        if not chosen:
            yield f"- {words.none}"
