"""Rush: whether so much happens in a directory that hearing of it costs more than looking, and for how long to look.

Whoever may write to a directory can have the kernel tell of a hundred thousand changes in a second, each of which costs
the reader more than the writer; what is lost when the kernel's queue is full has every directory scanned. So a
directory in which too much happens is not heard for a while, twice as long each time.

No state but its own; belongs to the watcher's thread.
"""

from __future__ import annotations

from typing import Final

MOST: Final = 10_000
"""Changes in a second that are heard: twice what a hundred turns make that tell fifty things each, and fewer than the
kernel's queue holds (16,384)."""
SPAN: Final = 1.0
"""Seconds in which they are counted."""
FIRST_REST: Final = 0.5
LONGEST_REST: Final = 8.0
"""Seconds in which nothing is heard; the first is forgotten when a whole span was calm."""


class Rush:
    """Of one directory."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._count = 0
        self._rest = 0.0

    def change(self, now: float) -> float:
        """A change was heard at `now`, monotonic seconds: for how many seconds to hear no more; 0.0: go on."""
        if now - self._since > SPAN:
            if self._count <= MOST:
                self._rest = 0.0
            self._since, self._count = now, 0
        self._count += 1
        if self._count <= MOST:
            return 0.0
        self._since = float("-inf")  # what comes after the rest is counted anew
        self._rest = min(LONGEST_REST, self._rest * 2 or FIRST_REST)
        return self._rest
