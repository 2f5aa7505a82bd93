"""Wait for what no event tells a test, such as a line in /status."""

from __future__ import annotations

import threading
from collections.abc import Callable

_PAUSE = 0.1
_TRIES = 300


def until(true: Callable[[], bool]) -> None:
    """Return when `true` says so. Fails after half a minute of asking."""
    pause = threading.Event()
    for _ in range(_TRIES):
        if true():
            return
        pause.wait(_PAUSE)
    raise AssertionError(f"it has not come in {_PAUSE * _TRIES:.0f} s")
