"""Removals: the containers that are to go, tried again until each is gone.

A removal that the engine refuses, or does not return from, is not the caller's to repeat: it stays here and is tried
again at every look. One attempt for a container at a time, so that they do not heap up on an engine that hangs. What
is still being started is not gone because the engine does not list it yet: it is looked for again when it has started.
Any thread may call; the futures are resolved on the threads of the calls, without a lock held.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from openclaw.containers.docker_calls import EngineCalls, NoThread, Rank
from openclaw.containers.docker_run import Known
from openclaw.errors import RuntimeFailure

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Removal:
    """A container that is to go; `known` is None until it was looked for."""

    cid: str
    known: Known | None = None
    gone: Future[None] = field(default_factory=Future)
    under_way: bool = False
    """An attempt runs, or waits for its turn."""
    told: bool = False
    """Its first failure is in the log."""

    @property
    def key(self) -> str:
        """What tells it from the others: somebody's own container that bears our label has no cid."""
        return self.cid or (self.known.engine_id if self.known else "")

    @property
    def name(self) -> str:
        return self.known.name if self.known else self.cid


class Removals:
    """`find` says what the container of a cid is called, None where there is none; `remove` removes it by both.

    They may block and raise RuntimeFailure. `is_starting` tells whether a start of the cid is under way.
    """

    def __init__(
        self,
        calls: EngineCalls,
        find: Callable[[str], Known | None],
        remove: Callable[[str, Known], None],
        *,
        is_starting: Callable[[str], bool],
    ) -> None:
        self._calls = calls
        self._find = find
        self._remove = remove
        self._is_starting = is_starting
        self._lock = threading.Lock()
        self._closed = False
        self._left: dict[str, _Removal] = {}  # by key; guarded by _lock as `under_way` in it; the rest is the attempt's

    def ask(self, cid: str, *, urgent: bool = False) -> Future[None]:
        """Remove a container; done when it is gone, however long that takes. One that is not there is gone."""
        with self._lock:
            removal = self._left.setdefault(cid, _Removal(cid))
        self._try(removal, Rank.MAIN if urgent else Rank.END)
        return removal.gone

    def found(self, cid: str, known: Known) -> None:
        """A look has found a container that belongs to nobody."""
        fresh = _Removal(cid, known)
        with self._lock:
            removal = self._left.setdefault(fresh.key, fresh)
        self._try(removal, Rank.END)

    def again(self) -> None:
        """Try what is left once more: the engine has just answered a look."""
        with self._lock:
            left = list(self._left.values())
        for removal in left:
            self._try(removal, Rank.END)

    def start_returned(self, cid: str) -> None:
        """A start is under way no more: what was to be removed meanwhile is there by now, or never will be."""
        with self._lock:
            removal = self._left.get(cid)
        if removal is not None:
            self._try(removal, Rank.END)

    def left(self) -> list[str]:
        """The containers that are to go and are not known to be gone, by cid."""
        with self._lock:
            return sorted(self._left)

    def close(self) -> list[str]:
        """What is left, which from now on is the caller's to tell: failures are not logged any more."""
        self._closed = True
        return self.left()

    def _try(self, removal: _Removal, rank: Rank) -> None:
        with self._lock:
            if removal.under_way or removal.gone.done():
                return
            removal.under_way = True
        try:
            self._calls.submit(rank, removal.cid, partial(self._attempt, removal))
        except NoThread as error:
            with self._lock:
                removal.under_way = False
            self._tell(removal, error)

    def _attempt(self, removal: _Removal) -> None:
        """On a thread of the calls."""
        gone = False
        starting = self._is_starting(removal.cid)  # before the look, which may be too early for what comes of it
        try:
            removal.known = removal.known or self._find(removal.cid)
            if removal.known is not None:
                self._remove(removal.cid, removal.known)
            gone = removal.known is not None or not starting
        except RuntimeFailure as error:
            self._tell(removal, error)
        finally:
            with self._lock:
                removal.under_way = False
                if gone:
                    del self._left[removal.key]
        if gone:
            removal.gone.set_result(None)
        elif starting and not self._is_starting(removal.cid):  # it has returned during the attempt
            self._try(removal, Rank.END)

    def _tell(self, removal: _Removal, error: RuntimeFailure) -> None:
        """Log the first failure of a removal."""
        if not removal.told and not self._closed:
            log.warning("The container %s is not removed yet; each tick tries again: %s", removal.name, error)
        removal.told = True
