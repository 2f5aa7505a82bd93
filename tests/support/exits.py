"""What a runtime tells, gathered for a test to wait on."""

from __future__ import annotations

import queue

from openclaw.containers.runtime import Exit


class Exits:
    """`on_exit` and `on_engine_up` of a runtime. `next` and `engine_up` wait for at most 30 s."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Exit] = queue.SimpleQueue()
        self.ups: queue.SimpleQueue[None] = queue.SimpleQueue()

    def on_exit(self, exit_: Exit) -> None:
        self.told.put(exit_)

    def on_engine_up(self) -> None:
        self.ups.put(None)

    def next(self) -> Exit:
        return self.told.get(timeout=30)

    def engine_up(self) -> None:
        self.ups.get(timeout=30)
