"""EngineProbe: whether the engine takes starts, and when it is worth a try where it does not.

While it does not, one start at a time finds out whether it is back; with nobody who wants a container none is tried.
Where the image is missing none is tried at all: the runtime tells when it is there.
Owned by the dedicated agents' thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

RETRY: Final = 0.5
"""Least seconds between two tries; the runtime may ask for more."""


class EngineProbe:
    """`later` has a function called by the owner's thread, `start_delay` gives the runtime's wish in seconds.

    `attempt` lets one start through.
    """

    def __init__(
        self,
        *,
        later: Callable[[float, Callable[[], None]], object],
        start_delay: Callable[[], float],
        attempt: Callable[[], None],
    ) -> None:
        self._later = later
        self._start_delay = start_delay
        self._attempt = attempt
        self._due = False
        self._told = False  # when it is back, so that nothing is to be tried
        self.down = False

    def lost(self, *, told: bool = False) -> None:
        """The engine did not take a start; `told`: whoever has said so says when it does."""
        self.down = True
        self._told = told
        self.wanted()

    def back(self) -> bool:
        """The engine has taken a start, or says that it is there; whether it was down."""
        was_down, self.down = self.down, False
        return was_down

    def wanted(self) -> None:
        """Somebody waits for a container: where the engine is down, it is to be tried."""
        if self.down and not self._told and not self._due:
            self._due = True
            self._later(max(RETRY, self._start_delay()), self._try)

    def _try(self) -> None:
        self._due = False
        if self.down:
            self._attempt()
