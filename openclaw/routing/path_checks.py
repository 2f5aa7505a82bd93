"""PathChecks: whether a subagent would be given the paths that an agent names, found out on threads of its own.

A path may lie on a file server that does not answer, and an agent may name any. So whoever asks never waits: what is to
be checked waits in one line for a few threads, which are there while there is work. Any thread may ask.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from openclaw.errors import CallRefused, OpenClawError

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Calls whose paths are looked at at the same time."""

MAX_WAITING: Final = 1000
"""Calls that wait for that: as many as there may be subagents."""


class _Asked(NamedTuple):
    group: str
    paths: Sequence[str]
    then: Callable[[CallRefused | None], None]


class PathChecks:
    """`check(group, paths)` raises an OpenClawError, or an OSError, where the group's subagents are not given these."""

    def __init__(self, check: Callable[[str, Sequence[str]], None]) -> None:
        self._check = check
        self._lock = threading.Lock()
        # Guarded by _lock: what nobody has begun yet, and how many threads there are, or are being started.
        self._waiting: deque[_Asked] = deque()
        self._threads = 0

    def begin(self, group: str, paths: Sequence[str], then: Callable[[CallRefused | None], None]) -> None:
        """Have `then` called once, on any thread, with the refusal, or with None where the paths are given."""
        asked = _Asked(group, paths, then)
        with self._lock:
            full = len(self._waiting) >= MAX_WAITING
            starts = not full and self._threads < AT_ONCE
            if not full:
                self._waiting.append(asked)
            self._threads += starts
        if full:
            then(CallRefused(f"the paths of {MAX_WAITING} calls wait to be looked at already; try again later"))
        elif starts:
            self._start()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name="check-paths", daemon=True).start()
        except RuntimeError as error:  # "can't start new thread"
            for asked in self._stranded():
                self._tell(asked, CallRefused(f"the machine gives no thread to look at the paths ({error}); try again"))

    def _stranded(self) -> list[_Asked]:
        """One thread less: what waits for none now."""
        with self._lock:
            self._threads -= 1
            if self._threads:
                return []
            stranded = list(self._waiting)
            self._waiting.clear()
            return stranded

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            self._tell(asked, self._refusal(asked))

    def _next(self) -> _Asked | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _refusal(self, asked: _Asked) -> CallRefused | None:
        try:
            self._check(asked.group, asked.paths)
        except OpenClawError as refused:
            return CallRefused(str(refused))
        except OSError as error:
            return CallRefused(f"the paths cannot be looked at: {error.strerror or error}; try again")
        except Exception as failure:  # the top of the thread: whoever asked is told
            log.exception("the paths %s could not be checked", asked.paths)
            return CallRefused(f"the paths could not be checked: {failure}")
        return None

    def _tell(self, asked: _Asked, refusal: CallRefused | None) -> None:
        try:
            asked.then(refusal)
        except Exception:  # the top of the thread: the next ones are served
            log.exception("what became of the paths %s could not be told", asked.paths)
