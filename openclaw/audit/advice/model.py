"""What is said of a rule's findings, in Spanish and English, and how their cost is estimated."""

from __future__ import annotations

from dataclasses import dataclass

Both = tuple[str, str]
"""The same in Spanish and in English."""

QUICK = 1
STRUCTURAL = 2
ADVANCED = 3


@dataclass(frozen=True)
class Effect:
    """How much of what each agent causes before and after the change.

    With a `key`, `before` and `after` count operations of that cost, and the unit is ms; without one they are in `unit`
    for each agent. `facts` names a fact that multiplies `before`. `shared`: once for all, not for each agent.
    """

    before: float
    after: float
    key: str = ""
    unit: str = "ms"
    fact: str = ""
    shared: bool = False
    after_key: str = ""


@dataclass(frozen=True)
class Advice:
    """A rule's texts. Placeholders are the finding's facts, and agents, before, after; `code` is Python."""

    title: Both
    why: Both
    change: Both
    trade: Both
    code: str
    effect: Effect
    phase: int = QUICK
    bounded: bool = True
    """Whether its severity follows from its cost; else it stays as it was found: it blocks or grows without bound."""
