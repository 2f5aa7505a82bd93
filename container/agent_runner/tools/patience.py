"""Patience: until when one use of a tool may go on, and room for a few at once of what takes much.

Both are used by the threads of turns. `Seats` has a lock, under which nothing is done but counting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools.tool import ToolFailed, ToolUse


class Patience:
    """The tool's own limit, the end of the turn, or its cancellation, whichever comes first."""

    def __init__(self, use: ToolUse, seconds: float, advice: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`advice` says what to do instead of what takes longer than `seconds`."""
        self.cancel = use.cancel
        self._clock = clock
        self._end = min(clock() + seconds, use.deadline)
        self._reason = f"not done within {seconds:g} s: {advice}"
        if self._end == use.deadline:
            self._reason = "the time of this turn is over: answer with what there is"

    @property
    def left(self) -> float:
        """Seconds, never below 0."""
        return max(0.0, self._end - self._clock())

    def check(self) -> None:
        """Raise TurnCancelled, or ToolFailed where the time is over."""
        if self.cancel.is_set():
            raise TurnCancelled
        if not self.left:
            raise self.over()

    def over(self) -> ToolFailed:
        """The error for a time that is over."""
        return ToolFailed(self._reason)


class Seats:
    """`count` may sit at once; the others wait, as long as their patience lasts."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._free = count  # guarded by _changed

    @contextmanager
    def seat(self, patience: Patience) -> Iterator[None]:
        """Raises TurnCancelled and ToolFailed as `Patience.check` does."""
        with patience.cancel.calling(self._wake), self._changed:
            self._changed.wait_for(lambda: self._free or patience.cancel.is_set(), patience.left)
            if not self._free or patience.cancel.is_set():
                patience.check()
                raise patience.over()
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
