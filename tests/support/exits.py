"""What a runtime tells, gathered for a test to wait on."""

from __future__ import annotations

import queue

from openclaw.containers.runtime import Exit


class Exits:
    """What a runtime calls. `next`, `engine_up` and `image_changed` wait for at most 30 s."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Exit] = queue.SimpleQueue()
        self.ups: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.images: queue.SimpleQueue[None] = queue.SimpleQueue()

    def on_exit(self, exit_: Exit) -> None:
        self.told.put(exit_)

    def on_engine_up(self) -> None:
        self.ups.put(None)

    def on_image_changed(self) -> None:
        self.images.put(None)

    def next(self) -> Exit:
        return self.told.get(timeout=30)

    def engine_up(self) -> None:
        self.ups.get(timeout=30)

    def image_changed(self) -> None:
        self.images.get(timeout=30)
