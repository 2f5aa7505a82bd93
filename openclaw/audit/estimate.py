"""What a finding costs before and after its change, for all agents, and the severity that follows from it.

Figures come from the reference costs, which are the specification's or calibrated; what no cost covers (memory,
wake-ups, comparisons) is estimated from the sizes that the texts name. Pure functions.
"""

from __future__ import annotations

from openclaw.audit.advice import ADVICE
from openclaw.audit.advice.model import Effect
from openclaw.audit.costs import ASSUMED, Costs
from openclaw.audit.finding import Estimate, Finding, Severity

CRITICAL_MS = 10_000.0
"""Of all agents' work for one round; from here on they wait for each other."""
IMPORTANT_MS = 20.0

_EACH = frozenset({"s"})
"""Units that are told for each agent, not for all together."""


def weigh(finding: Finding, costs: Costs, agents: int) -> None:
    """Give a finding its estimate for `agents` agents, and its severity."""
    advice = ADVICE[finding.rule]
    finding.estimate = estimate(advice.effect, finding.facts, costs, agents)
    if advice.bounded and finding.estimate.unit == "ms":
        before = finding.estimate.before
        finding.severity = (
            Severity.CRITICAL
            if before >= CRITICAL_MS and finding.hot
            else Severity.IMPORTANT
            if before >= IMPORTANT_MS
            else Severity.MINOR
        )
    elif agents < 10 and finding.severity is Severity.CRITICAL and finding.estimate.before != float("inf"):
        finding.severity = Severity.IMPORTANT


def estimate(effect: Effect, facts: dict[str, str], costs: Costs, agents: int) -> Estimate:
    many = 1 if effect.shared or effect.unit in _EACH else agents
    before, after = effect.before, effect.after
    if effect.fact:
        before *= float(facts.get(effect.fact) or 1)
    if not effect.key:
        if effect.unit == "MB" and facts.get("bytes"):
            before = float(facts["bytes"]) / 1e6
            after = before / 100
        return Estimate(before * many, after * many, effect.unit, "estimated")
    cost, later = costs[effect.key], costs[effect.after_key or effect.key]
    calibrated = cost.calibrated and effect.key not in ASSUMED
    return Estimate(
        before * many * cost.at(agents),
        after * many * later.at(agents),
        "ms",
        "calibrated" if calibrated else "reference",
    )
