"""A runtime by hand: every start waits for the test to say how it went."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Literal, NamedTuple

from openclaw.containers.runtime import ContainerSpec, Exit, Found


class Start(NamedTuple):
    """A start that was asked for, and its future."""

    spec: ContainerSpec
    done: Future[None]


class HandRuntime:
    """Starts and removals, by cid, arrive in queues; kills and removals succeed at once, unless not `removes`.

    Where `fails_once` the next start raises what no runtime should, where `removal_fails_once` the next removal does.
    """

    kind: Final[Literal["docker"]] = "docker"

    def __init__(self) -> None:
        self.container_uid: Final = os.getuid()
        self.starts: queue.Queue[Start] = queue.Queue()
        self.removed: queue.Queue[str] = queue.Queue()
        self.removes = True
        self.fails_once = False
        self.removal_fails_once = False
        self._open_removals: list[Future[None]] = []

    def open(
        self,
        on_exit: Callable[[Exit], None],
        on_engine_up: Callable[[], None],
        on_image_changed: Callable[[], None],
    ) -> None: ...

    def start(self, spec: ContainerSpec) -> Future[None]:
        if self.fails_once:
            self.fails_once = False
            raise RuntimeError("can't start new thread")
        start = Start(spec, Future())
        start.done.set_running_or_notify_cancel()
        self.starts.put(start)
        return start.done

    def kill(self, cid: str) -> Future[None]:
        return _done()

    def remove(self, cid: str, *, urgent: bool = False) -> Future[None]:
        if self.removal_fails_once:
            self.removal_fails_once = False
            raise RuntimeError("can't start new thread")
        removal: Future[None] = _done() if self.removes else Future()
        self._open_removals.append(removal)
        self.removed.put(cid)
        return removal

    def finish_removals(self) -> None:
        """Everything that was to be removed is gone now."""
        for removal in self._open_removals:
            if not removal.done():
                removal.set_result(None)

    def list(self) -> Sequence[Found]:
        return []

    def config_digest(self, spec: ContainerSpec) -> str:
        return "digest"

    def start_delay(self) -> float:
        return 0.0

    def place(self, name: str) -> dict[str, str]:
        return {}

    def problem(self) -> str:
        return ""

    def look(self) -> None: ...

    def close(self) -> None: ...


def _done() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done
