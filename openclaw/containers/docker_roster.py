"""Roster: what is known of this installation's containers, learnt from starts, events and looks at the engine's list.

Called from any thread; starts none. `on_exit` and `on_abandoned` come on the thread that brought the news, without a
lock held. Its memories are bounded by what the engine holds, or by limits of their own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from openclaw.containers.cli import Cli
from openclaw.containers.docker_events import Event
from openclaw.containers.docker_run import Known, Row, parse_rows, ps_args
from openclaw.containers.ledger import ExitLedger
from openclaw.containers.runtime import Exit
from openclaw.errors import RuntimeFailure

MAX_ABANDONED: Final = 1024
"""Starts given up whose containers are still looked for."""


class Roster:
    """Knows what the container of each cid is called, tells each end once, and finds what belongs to nobody.

    `on_abandoned` is told, with its cid, what a start that failed has left, or an earlier process; `on_image_moved`
    hears that the name of a container's image means another one than at the look before, or its own again.
    """

    def __init__(
        self,
        cli: Cli,
        installation: str,
        on_exit: Callable[[Exit], None],
        on_abandoned: Callable[[str, Known], None],
        on_image_moved: Callable[[], None],
    ) -> None:
        self._cli = cli
        self._installation = installation
        self._on_exit = on_exit
        self._on_abandoned = on_abandoned
        self._on_image_moved = on_image_moved
        self._ledger = ExitLedger()
        self._lock = threading.Lock()
        # Guarded by _lock: all of these.
        self._known: dict[str, Known] = {}  # by cid
        self._images: dict[str, str] = {}  # what the engine shows of each container, by its id
        self._ours: set[str] = set()  # cids that were started here or taken stock of, while the engine has them
        self._starting: set[str] = set()  # those whose start is under way
        self._stock_taken = False
        self._abandoned: OrderedDict[str, None] = OrderedDict()
        self._out_of_memory: dict[str, float] = {}  # when an `oom` was last heard of a container, by the engine's id

    def starting(self, cid: str) -> None:
        """A start is under way."""
        self._ledger.starting(cid)
        with self._lock:
            self._ours.add(cid)
            self._starting.add(cid)

    def started(self, cid: str, known: Known, image: str) -> None:
        """That start has returned, and its caller has been told."""
        with self._lock:
            self._starting.discard(cid)
            self._known[cid] = known
            self._images.setdefault(known.engine_id, image)
        self._tell(self._ledger.started(known.engine_id, cid))

    def not_started(self, cid: str) -> None:
        """That start has failed: what it left, or still brings up, goes to `on_abandoned` at every look."""
        self._ledger.not_started(cid)
        with self._lock:
            self._starting.discard(cid)
            self._abandoned[cid] = None
            if len(self._abandoned) > MAX_ABANDONED:
                self._abandoned.popitem(last=False)

    def is_starting(self, cid: str) -> bool:
        """Whether a start of that container is under way."""
        with self._lock:
            return cid in self._starting

    def find(self, cid: str) -> Known | None:
        """What that container is called, None where there is none. May block; raises RuntimeFailure."""
        with self._lock:
            known = self._known.get(cid)
        if known is not None:
            return known
        return next((row.known for row in self.look() if row.found.cid == cid), None)

    def heard(self, event: Event) -> None:
        """The engine has told an event."""
        with self._lock:
            if event.action == "oom":
                self._out_of_memory[event.engine_id] = event.time
                return
        self._tell(self._ledger.ended(event.engine_id, Exit(event.cid, event.exit_code, "")))

    def last_out_of_memory(self, engine_id: str) -> float | None:
        """When some process of the container was last heard to be killed for want of memory; seconds since 1970."""
        with self._lock:
            return self._out_of_memory.get(engine_id)

    def engine_id(self, cid: str) -> str | None:
        """The engine's id of that container, where it is known by now."""
        with self._lock:
            known = self._known.get(cid)
        return None if known is None else known.engine_id

    def take_stock(self) -> list[Row]:
        """A look; the first one is at what an earlier process has left, which is the caller's from now on.

        What comes up later and was not started here belongs to nobody: a start that the earlier process had asked for
        just before its end. It goes to `on_abandoned`.
        """
        rows = self.look()
        with self._lock:
            if not self._stock_taken:
                self._ours.update(row.found.cid for row in rows)
                self._stock_taken = True
            return [row for row in rows if not self._is_nobodys(row.found.cid)]

    def look(self) -> list[Row]:
        """Everything of this installation that the engine has. Blocks; raises RuntimeFailure."""
        before = self._ledger.running()
        with self._lock:
            known = dict(self._known)
            images = dict(self._images)
            settled = self._ours - self._starting  # of these the engine lists what it still has
        output = self._cli.run(ps_args(self._installation))
        if output.code != 0:
            raise RuntimeFailure(f"the engine does not list its containers: {output.stderr[:500]}")
        rows = parse_rows(output.stdout)
        listed = {row.engine_id for row in rows}
        with self._lock:
            self._update_known(known, rows)
            self._out_of_memory = {one: at for one, at in self._out_of_memory.items() if one in listed}
            moved = self._update_images(images, rows)
            self._ours -= settled - {row.found.cid for row in rows}
            abandoned = [row for row in rows if self._is_nobodys(row.found.cid)]
            wanted = [row for row in rows if not self._is_nobodys(row.found.cid)]
        for row in abandoned:
            self._on_abandoned(row.found.cid, row.known)
        self._learn(wanted)
        if moved:
            self._on_image_moved()
        for exit_ in self._ledger.gone(before, listed):
            self._on_exit(exit_)
        return rows

    def _update_images(self, before: dict[str, str], rows: list[Row]) -> bool:
        """Whether a container's image is shown differently than before. Called with _lock held."""
        shown = {row.engine_id: row.image for row in rows}
        for engine_id in before.keys() - shown.keys():
            self._images.pop(engine_id, None)
        self._images.update(shown)
        return any(before.get(engine_id, image) != image for engine_id, image in shown.items())

    def _is_nobodys(self, cid: str) -> bool:
        """Called with _lock held."""
        return cid in self._abandoned or (self._stock_taken and cid not in self._ours)

    def _update_known(self, before: dict[str, Known], rows: list[Row]) -> None:
        """Called with _lock held; `before` is from before the look: what was started since is not in it."""
        listed = {row.found.cid: row.known for row in rows}
        for cid, known in before.items():
            if cid not in listed and self._known.get(cid) == known:
                del self._known[cid]
        self._known = {**listed, **self._known}

    def _learn(self, rows: list[Row]) -> None:
        for row in rows:
            if row.found.running:
                self._tell(self._ledger.seen_running(row.engine_id, row.found.cid))
            elif row.found.exit_code is not None:
                self._tell(self._ledger.ended(row.engine_id, Exit(row.found.cid, row.found.exit_code, "")))

    def _tell(self, exit_: Exit | None) -> None:
        if exit_ is not None:
            self._on_exit(exit_)
