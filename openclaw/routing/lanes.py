"""Lanes: turns of one session run one after another, those of different sessions side by side.

Not thread-safe by itself: the router calls it under its lock.
"""

from __future__ import annotations

from collections import deque

from openclaw.agents.turn import Turn

Lane = tuple[str, str]


class Lanes:
    """Queues by (group, session). The first of a lane is the one that runs; an empty lane takes no memory."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[Turn]] = {}

    def join(self, turn: Turn) -> bool:
        """Put a turn at the end of its lane. True where it is its turn at once."""
        lane = self._lanes.setdefault(turn.lane, deque())
        lane.append(turn)
        return len(lane) == 1

    def leave(self, turn: Turn) -> Turn | None:
        """Take a turn out of its lane: the one that may run now, if that changes it."""
        if turn not in self:
            return None
        lane = self._lanes[turn.lane]
        was_first = lane[0] is turn
        lane.remove(turn)
        if not lane:
            del self._lanes[turn.lane]
            return None
        return lane[0] if was_first else None

    def ahead(self, turn: Turn) -> int:
        """How many of its session come before it; 0 for one that is in no lane."""
        lane = self._lanes.get(turn.lane, ())
        return next((place for place, one in enumerate(lane) if one is turn), 0)

    def __contains__(self, turn: Turn) -> bool:
        return turn in self._lanes.get(turn.lane, ())

    def put_first(self, turn: Turn) -> None:
        """A turn that runs already is ahead of all others in its lane."""
        lane = self._lanes[turn.lane]
        lane.remove(turn)
        lane.appendleft(turn)

    def firsts(self) -> list[Turn]:
        """The turn that may run in each lane."""
        return [lane[0] for lane in self._lanes.values()]

    def __len__(self) -> int:
        return len(self._lanes)
