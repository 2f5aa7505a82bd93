"""Pace: how much of a container was handed over that its owner has not handled yet, and when that is enough for now.

A container writes as fast as its disk takes it, the owner's thread handles what comes from all of them. What it has
not come to lies in its mailbox: so each container gets that far ahead and no further, and the rest stays in `out/`, on
the container's own account, until the owner says that all of it is handled. That is no violation: how far behind the
owner is depends on everybody else.

No lock of its own: it belongs to whoever guards it.
"""

from __future__ import annotations

from typing import Final

AHEAD: Final = 256
AHEAD_PER_TURN: Final = 8
"""Frames, and looks at events, that may be ahead: so many, and some more for each turn in flight."""
BYTES_AHEAD: Final = 1024 * 1024
"""As they lie in the files, which may be 20 times that in memory; the frame by which it is reached still counts."""


class Pace:
    """Counts what is handed over."""

    def __init__(self) -> None:
        self._count = 0
        self._bytes = 0
        self._paused = False

    def paused(self) -> bool:
        """Whether nothing more is to be handed over now."""
        return self._paused

    def handed_over(self, size: int, turns: int) -> bool:
        """One more, of `size` bytes, while `turns` are in flight. True: that is enough until `go_on`."""
        self._count += 1
        self._bytes += size
        self._paused = self._count >= AHEAD + AHEAD_PER_TURN * turns or self._bytes >= BYTES_AHEAD
        return self._paused

    def go_on(self) -> None:
        """All that was handed over is handled."""
        self._count = self._bytes = 0
        self._paused = False
