"""Slots: how many dedicated containers may be there at once, and how many of them subagents may take.

Pure bookkeeping, owned by the dedicated agents' thread.
"""

from __future__ import annotations

PEOPLES_SHARE = 10
"""One slot in so many, and at least one where there are two, is never given to a subagent."""


class Slots:
    """Counts the containers that serve a turn, until each is removed."""

    def __init__(self, total: int, subagents: int) -> None:
        self._total = total
        self._subagents = min(subagents, total - max(total // PEOPLES_SHARE, min(total - 1, 1)))
        self._taken = 0
        self._taken_by_subagents = 0

    def free(self, *, subagent: bool) -> bool:
        """Whether one more may be started."""
        return self._taken < self._total and (not subagent or self._taken_by_subagents < self._subagents)

    def take(self, *, subagent: bool) -> None:
        self._taken += 1
        self._taken_by_subagents += subagent

    def give_back(self, *, subagent: bool) -> None:
        self._taken -= 1
        self._taken_by_subagents -= subagent
