"""The audit as a whole: files in, findings out, sorted, each defect once. One thread; keeps nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from openclaw.audit import dimensions, read, sources
from openclaw.audit.finding import Finding
from openclaw.audit.heat import Heat
from openclaw.audit.link import Project
from openclaw.audit.model import Module
from openclaw.audit.sources import Passed


@dataclass(slots=True)
class Result:
    """What an audit found. `silenced` are findings with the reasons by which comments silence them."""

    files: int = 0
    lines: int = 0
    functions: int = 0
    hot: int = 0
    findings: list[Finding] = field(default_factory=list)
    silenced: list[tuple[Finding, str]] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


def audit(paths: Sequence[str]) -> Result:
    """Audit the Python files below `paths`. What cannot be read is named in `passed` and costs nothing else."""
    result = Result()
    # Trees have no cycles: the collector would walk millions of nodes and free none.
    collecting = gc.isenabled()
    gc.disable()
    try:
        _fill(result, paths)
    finally:
        if collecting:
            gc.enable()
    return result


def _fill(result: Result, paths: Sequence[str]) -> None:
    modules = _modules(paths, result)
    project = Project(modules)
    Heat(project).find()
    result.functions = sum(1 for function in project.functions if function.name != "<module>")
    result.hot = sum(1 for function in project.functions if function.heat)
    silenced = {module.path: module.silenced for module in modules}
    for finding in merged(dimensions.findings(project)):
        reason = _reason(finding, silenced[finding.path])
        if reason is None:
            result.findings.append(finding)
        else:
            result.silenced.append((finding, reason))


def _modules(paths: Sequence[str], result: Result) -> list[Module]:
    modules = []
    for path in sources.find(paths, result.passed):
        source = sources.read(path, result.passed)
        if source is None:
            continue
        try:
            modules.append(read.module(source))
        except RecursionError:
            result.passed.append(Passed(path, "nested too deeply"))
            continue
        result.files += 1
        result.lines += modules[-1].lines
    return modules


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding a line and dimension, its points joined, the gravest first to name it; sorted by place."""
    kept: dict[tuple[str, int, int], Finding] = {}
    for finding in findings:
        key = (finding.path, finding.line, finding.dimension)
        before = kept.get(key)
        if before is None:
            kept[key] = finding
            continue
        best, other = (finding, before) if finding.severity > before.severity else (before, finding)
        best.points = tuple(dict.fromkeys([*best.points, *other.points]))
        kept[key] = best
    return [kept[key] for key in sorted(kept)]


def _reason(finding: Finding, silenced: dict[int, dict[str, str]]) -> str | None:
    """The reason by which a comment on the finding's line silences it."""
    said = silenced.get(finding.line, {})
    return next((said[point] for point in (*finding.points, str(finding.dimension)) if point in said), None)
