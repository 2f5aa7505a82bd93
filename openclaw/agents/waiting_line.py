"""WaitingLine: the turns that wait for a single-use container, and who of them is next.

People's turns come before subagents', sessions take turns, and both keep within the slots that there are. Pure
bookkeeping, owned by the dedicated agents' thread.
"""

from __future__ import annotations

from openclaw.agents.fair_queue import FairQueue
from openclaw.agents.slots import Slots
from openclaw.agents.turn import Turn


class WaitingLine:
    """Two queues before one set of slots. A slot is taken and given back by whoever has the container."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self._people = FairQueue()
        self._subagents = FairQueue()

    def lengths(self) -> tuple[int, int]:
        """How many people's turns wait, and how many subagents'."""
        return len(self._people), len(self._subagents)

    def push(self, turn: Turn) -> None:
        """Put a turn in line, or back to its place."""
        self._queue_of(turn).push(turn)

    def place(self, turn: Turn) -> int:
        """How many turns of its kind begin before this one, itself counted; 0 where it does not wait."""
        return self._queue_of(turn).place(turn)

    def next(self) -> Turn | None:
        """Take out the turn that may have a container now; None where there is none, or no slot for it."""
        if self._people and self.slots.free(subagent=False):
            return self._people.pop()
        if self._subagents and self.slots.free(subagent=True):
            return self._subagents.pop()
        return None

    def take(self, turn_id: str) -> Turn | None:
        """Take a turn out, wherever it waits; None where it does not."""
        return self._people.take(turn_id) or self._subagents.take(turn_id)

    def _queue_of(self, turn: Turn) -> FairQueue:
        return self._subagents if turn.parent else self._people
