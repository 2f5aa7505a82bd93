"""The host's end of a channel: what it delivered, for a test to wait on, and frames written as a runner does."""

from __future__ import annotations

import queue

from openclaw.containers.channel import Channel
from openclaw.containers.event_tail import Event
from openclaw.message import Frame, FrameKind, frame_name


class Heard:
    """What a channel delivered. `frame`, `event` and `violation` wait for at most 10 s."""

    def __init__(self) -> None:
        self.frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[tuple[str, Event]] = queue.SimpleQueue()
        self.violations: queue.SimpleQueue[str] = queue.SimpleQueue()

    def frame(self) -> Frame:
        return self.frames.get(timeout=10)

    def on_events(self, turn_id: str, events: list[Event]) -> None:
        for event in events:
            self.events.put((turn_id, event))

    def event(self) -> tuple[str, Event]:
        return self.events.get(timeout=10)

    def violation(self) -> str:
        return self.violations.get(timeout=10)


def write(channel: Channel, kind: FrameKind, frame_id: str, text: str = "{}", number: int = 0) -> None:
    """As the runner does it: a hidden file, renamed."""
    hidden = channel.path / "out" / f".{kind}-{frame_id}"
    hidden.write_text(text)
    hidden.rename(channel.path / "out" / frame_name(kind, frame_id, number))


def listen(channel: Channel, heard: Heard) -> None:
    channel.listen(heard.frames.put, heard.on_events, heard.violations.put)
