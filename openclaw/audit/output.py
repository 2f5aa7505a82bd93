"""Findings as JSON: one object for all (`json`), or one a line (`jsonl`); and the baseline, which is such a file.

A finding's fingerprint does not contain its line, so that a baseline holds while code above it moves.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from openclaw.audit.advice import ADVICE
from openclaw.audit.finding import Finding, Severity
from openclaw.audit.report import code, filled
from openclaw.audit.run import Result
from openclaw.audit.words import Words

NAMES = {Severity.CRITICAL: "CRITICO", Severity.IMPORTANT: "IMPORTANTE", Severity.MINOR: "MENOR"}
"""Severities as machines read them, the same in both languages."""


def as_json(result: Result, words: Words, agents: int, calibrated: bool) -> str:
    prints = fingerprints(result.findings)
    value = {
        "agents": agents,
        "costs": "calibrated" if calibrated else "reference",
        "files": result.files,
        "lines": result.lines,
        "findings": [
            entry(finding, mark, words, agents) for finding, mark in zip(result.findings, prints, strict=True)
        ],
        "silenced": [
            {"file": finding.path, "line": finding.line, "point": finding.points[0], "reason": reason}
            for finding, reason in result.silenced
        ],
        "passed_over": [{"path": passed.path, "reason": passed.reason} for passed in result.passed],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def as_jsonl(result: Result, words: Words, agents: int) -> str:
    prints = fingerprints(result.findings)
    lines = (
        json.dumps(entry(finding, mark, words, agents), ensure_ascii=False)
        for finding, mark in zip(result.findings, prints, strict=True)
    )
    return "".join(f"{line}\n" for line in lines)


def entry(finding: Finding, fingerprint: str, words: Words, agents: int) -> dict[str, Any]:
    """One finding with all that is said of it."""
    advice, index = ADVICE[finding.rule], words.index
    estimate = finding.estimate
    assert estimate is not None

    def told(template: str) -> str:
        return filled(template, finding, words, agents)

    return {
        "file": finding.path,
        "line": finding.line,
        "dimension": finding.dimension,
        "point": finding.points[0],
        "points": list(finding.points),
        "severity": NAMES[finding.severity],
        "rule": finding.rule,
        "function": finding.function,
        "title": told(advice.title[index]),
        "why": told(advice.why[index]),
        "change": told(advice.change[index]),
        "code": code(finding, words, agents),
        "trade_off": told(advice.trade[index]),
        "estimate": {
            "before": None if estimate.before == float("inf") else estimate.before,
            "after": estimate.after,
            "unit": estimate.unit,
            "basis": estimate.basis,
            "agents": agents,
        },
        "fingerprint": fingerprint,
    }


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """A mark for each finding: file, function, rule and subject; equal ones are numbered in their order."""
    seen: Counter[str] = Counter()
    marks = []
    for finding in findings:
        subject = finding.facts.get("call") or finding.facts.get("name") or finding.facts.get("path") or ""
        whole = "\0".join((finding.path, finding.function, finding.rule, subject))
        seen[whole] += 1
        marks.append(hashlib.sha256(f"{whole}\0{seen[whole]}".encode()).hexdigest()[:16])
    return marks


def baseline(text: str) -> set[str]:
    """The fingerprints in a file that `json` or `jsonl` has written. Raises ValueError where it is none."""
    try:
        value = json.loads(text)
        entries = value.get("findings", [value])
    except ValueError:
        entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    except AttributeError:
        raise ValueError("it holds no findings") from None
    try:
        return {str(found["fingerprint"]) for found in entries}
    except (TypeError, KeyError):
        raise ValueError("it holds no findings with fingerprints") from None
