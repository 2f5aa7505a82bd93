"""FairQueue: turns that wait for a container, the next one by priority and then by turns between sessions.

A session that queues a thousand subagents delays another session's first one by a single turn. Owned by one thread.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from openclaw.agents.turn import Turn

_PRIORITIES: Final = ("high", "normal", "low")


class FairQueue:
    """Turns by (priority, session); sessions of one priority take turns, each in the order of acceptance."""

    def __init__(self) -> None:
        self._levels: dict[str, OrderedDict[str, deque[Turn]]] = {name: OrderedDict() for name in _PRIORITIES}
        self._by_id: dict[str, Turn] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def push(self, turn: Turn) -> None:
        """Put the turn behind the others of its session, or back to its place among them."""
        waiting = self._levels[turn.message.priority].setdefault(turn.session_key, deque())
        if waiting and waiting[0].seq > turn.seq:
            waiting.appendleft(turn)
        else:
            waiting.append(turn)
        self._by_id[turn.id] = turn

    def pop(self) -> Turn:
        """The next turn. Raises IndexError where none waits."""
        for level in self._levels.values():
            if level:
                key, waiting = level.popitem(last=False)
                turn = waiting.popleft()
                if waiting:
                    level[key] = waiting  # behind the other sessions
                del self._by_id[turn.id]
                return turn
        raise IndexError("no turn waits")

    def take(self, turn_id: str) -> Turn | None:
        """Take a turn out, wherever it waits; None where it does not."""
        turn = self._by_id.pop(turn_id, None)
        if turn is None:
            return None
        level = self._levels[turn.message.priority]
        waiting = level[turn.session_key]
        waiting.remove(turn)
        if not waiting:
            del level[turn.session_key]
        return turn

    def place(self, turn: Turn) -> int:
        """How many turns begin before this one, itself counted, as things stand; 0 where it does not wait."""
        if self._by_id.get(turn.id) is not turn:
            return 0
        return next((place for place, waiting in enumerate(self._in_order(), 1) if waiting is turn), 0)

    def _in_order(self) -> Iterator[Turn]:
        for level in self._levels.values():
            queues = [list(waiting) for waiting in level.values()]
            for number in range(max(map(len, queues), default=0)):
                yield from (queue[number] for queue in queues if number < len(queue))
