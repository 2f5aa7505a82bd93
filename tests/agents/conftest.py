"""Agents over real channels, with a runtime and time that the test drives by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.settings_guard import SettingsGuard
from openclaw.agents.specs import Specs
from openclaw.agents.turn import Outcome, Turn
from openclaw.config import Config, load
from openclaw.containers.channel import Channel, Channels
from openclaw.message import FrameKind, Message, dump_bytes, events_name, frame_name
from openclaw.message.frames import MAX_EVENT
from openclaw.spool import DropDir, Watcher
from tests.support.clock import FakeClock, ManualTimers
from tests.support.listener import RecordingListener
from tests.support.runtime import HandRuntime, Start
from tests.support.specs import make_specs


@dataclass
class Stage:
    """What the agents get, and what they hand back."""

    config: Config
    channels: Channels
    specs: Specs
    clock: FakeClock
    alarms: ManualTimers
    guard: SettingsGuard
    runtime: HandRuntime = field(default_factory=HandRuntime)
    told: RecordingListener = field(default_factory=RecordingListener)

    def turn(self, turn_id: str, seq: int = 1, **changes: Any) -> Turn:
        message = replace(Message("hello", id=turn_id), **changes)
        return Turn(message, seq, self.clock.monotonic(), self.clock.time())

    def next_start(self) -> Start:
        return self.runtime.starts.get(timeout=10)

    def next_end(self) -> tuple[Turn, Outcome]:
        return self.told.ended_turns.get(timeout=10)

    def left_behind(self, turn_id: str, *, calls: int = 0, events: int = 0) -> tuple[Turn, Channel]:
        """A turn in the channel of an earlier process, where its container has made so many calls and is not answered,
        or has written so many bytes of events and has answered."""
        channel = self.channels.create(f"c-{turn_id}")
        channel.send("request", turn_id, {})
        out = channel.path / "out"
        for number in range(1, calls + 1):
            (out / frame_name("call", turn_id, number)).write_text("{}")
        if events:
            line = '{"kind":"delta","text":"' + "x" * (MAX_EVENT // 2) + '"}\n'
            (out / events_name(turn_id)).write_text(line * (events // len(line)))
            (out / frame_name("response", turn_id)).write_text('{"status":"done","text":"hi"}')
        return self.turn(turn_id), channel

    def frame(
        self, start: Start, kind: FrameKind, frame_id: str, body: dict[str, object] | None = None, number: int = 0
    ) -> None:
        """Write a frame as the runner of `start` would."""
        with closing(DropDir(start.spec.channel_path / "out")) as out:
            out.place(frame_name(kind, frame_id, number), dump_bytes(body or {}))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    watcher = Watcher()
    watcher.start()
    config = load({"OPENCLAW_HOME": str(tmp_path)})
    clock = FakeClock()
    root = tmp_path / "channels"
    with closing(watcher):
        yield Stage(
            config, Channels(root, watcher), make_specs(config, root), clock, ManualTimers(clock),
            SettingsGuard(tmp_path / "groups"),
        )  # fmt: skip
