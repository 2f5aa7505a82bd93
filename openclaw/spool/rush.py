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
"""Seconds in which nothing is heard. The next rest is the first again where none was needed for LONGEST_REST: who did
too much a moment after each would never rest longer else."""


class Rush:
    """Of one directory."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._count = 0
        self._rest = 0.0
        self._rested = float("-inf")  # when the last rest ends

    def change(self, now: float) -> float:
        """A change was heard at `now`, monotonic seconds: for how many seconds to hear no more; 0.0: go on."""
        if now - self._since > SPAN:
            self._since, self._count = now, 0
        self._count += 1
        if self._count <= MOST:
            return 0.0
        self._since = float("-inf")  # what comes after the rest is counted anew
        calm = now - self._rested > LONGEST_REST
        self._rest = FIRST_REST if calm else min(LONGEST_REST, self._rest * 2)
        self._rested = now + self._rest
        return self._rest
