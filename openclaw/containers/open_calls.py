"""OpenCalls: the calls of one container that were delivered and have no result yet, a bounded number for each turn.

What a call asks for may take memory and disk until it is answered, such as a file that waits for its commit. So the
calls beyond the bound wait in `out/`, and only their numbers here, until one of their turn has its result. They are
not a violation: whoever calls from many processes at once means no harm, and it costs nobody but that turn.

No lock of its own: it belongs to whoever guards it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from openclaw.message import FrameName

MAX_OPEN: Final = 32
"""Calls of a turn that are open at once. A runner makes 16, an MCP client beside it up to 32; 100 containers that do
their worst ask for 3,200 files, and the committer takes 4,096."""


@dataclass(slots=True)
class _OfTurn:
    """The numbers of a turn's calls. `held` keeps the order in which they came: a dict, for its keys."""

    open: set[int] = field(default_factory=set)
    held: dict[int, None] = field(default_factory=dict)


class OpenCalls:
    """By turn. What is held is bounded by the numbers that a call may have."""

    def __init__(self) -> None:
        self._turns: dict[str, _OfTurn] = {}

    def __contains__(self, call: FrameName) -> bool:
        """Whether the call was delivered and has no result yet."""
        turn = self._turns.get(call.id)
        return turn is not None and call.number in turn.open

    def admit(self, call: FrameName) -> bool:
        """Whether the call is to be delivered now. False: it was already, or it waits."""
        turn = self._turns.setdefault(call.id, _OfTurn())
        if call.number in turn.open:
            return False
        if len(turn.open) >= MAX_OPEN:
            turn.held[call.number] = None
            return False
        turn.held.pop(call.number, None)
        turn.open.add(call.number)
        return True

    def close(self, call: FrameName) -> FrameName | None:
        """The call has its result, or is gone: the one of its turn that has waited longest, to be looked at now."""
        turn = self._turns.get(call.id)
        if turn is None or call.number not in turn.open:
            return None
        turn.open.remove(call.number)
        if turn.held:
            first = next(iter(turn.held))
            del turn.held[first]
            return call._replace(number=first)
        if not turn.open:
            del self._turns[call.id]
        return None

    def take(self, turn_id: str) -> list[FrameName]:
        """Take out every call of a turn, those that wait too."""
        turn = self._turns.pop(turn_id, None)
        return [] if turn is None else [FrameName("call", turn_id, number) for number in (*turn.open, *turn.held)]

    def clear(self) -> None:
        self._turns.clear()
