"""Both agents over real channels, with an engine and time that the test drives by hand."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from openclaw.agents.attachment import Attachment
from openclaw.agents.dedicated import DedicatedAgents
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.main_agent import MainAgentManager
from openclaw.agents.settings_guard import SettingsGuard
from openclaw.agents.turn import Outcome, Turn
from openclaw.config import load
from openclaw.containers.channel import Channels
from openclaw.containers.runtime import ContainerSpec, Found
from openclaw.errors import EngineUnavailable
from openclaw.message import FrameKind, Message, dump_bytes, frame_name
from openclaw.service.recovery import Recovery
from openclaw.spool import DropDir, Watcher
from tests.support.clock import FakeClock, ManualTimers
from tests.support.doors import RecordingDoors
from tests.support.listener import RecordingListener
from tests.support.runtime import HandRuntime
from tests.support.specs import make_specs


class Engine(HandRuntime):
    """An engine that has containers from before; while it is `away` it does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.containers: list[Found] = []
        self.dies_after_the_list = False
        self.goes_away_after_the_list = False
        self.away = False
        self.has_image = True

    def list(self) -> Sequence[Found]:
        if self.away:
            raise EngineUnavailable("the engine does not answer")
        listed = list(self.containers)
        self.away = self.goes_away_after_the_list
        if self.dies_after_the_list:
            self.containers = [found._replace(running=False, exit_code=137) for found in self.containers]
        return listed

    def config_digest(self, spec: ContainerSpec) -> str:
        if not self.has_image:
            raise EngineUnavailable("the engine does not answer any more")
        return super().config_digest(spec)


class Crew:
    """The agents of one process. `left` makes what the last process left behind."""

    def __init__(self, home: Path, stack: ExitStack, **settings: str) -> None:
        self.config = load({"OPENCLAW_HOME": str(home), **settings})
        self.clock = FakeClock()
        self.engine = Engine()
        self.told = RecordingListener()
        self.overflow: queue.Queue[Turn] = queue.Queue()
        watcher = stack.enter_context(closing(Watcher()))
        watcher.start()
        self.root = home / "channels"
        self.doors = RecordingDoors()
        self.channels = Channels(self.root, watcher, doors=self.doors)
        self.specs = make_specs(self.config, self.root, friends=GroupConfig())
        self.guard = SettingsGuard(home / "groups")
        alarms = ManualTimers(self.clock)
        self.dedicated = DedicatedAgents(
            config=self.config, runtime=self.engine, channels=self.channels, specs=self.specs,
            clock=self.clock, alarms=alarms, watch=self.guard, listener=self.told,
        )  # fmt: skip
        self.main = MainAgentManager(
            config=self.config, runtime=self.engine, channels=self.channels, specs=self.specs,
            clock=self.clock, alarms=alarms, overflow=self.overflow.put,
            listener=self.told, ready=lambda: None,
        )  # fmt: skip
        self.recovery = Recovery(
            self.engine, self.channels, self.specs, self.main, self.dedicated,
            watch=self.guard, listener=self.told, persistent=self.config.enable_persistent_main,
        )  # fmt: skip
        for agent in (self.main, self.dedicated):
            agent.start()
            stack.callback(agent.close)

    def turn(self, message_id: str, group: str = "main", attempt: int = 1) -> Turn:
        message = Message("hello", id=message_id, group=group)
        return Turn(message, 1, self.clock.monotonic(), self.clock.time(), attempt=attempt)

    def recover(self, *turns: Turn) -> None:
        self.recovery.run({turn.id: turn for turn in turns}, self.clock.monotonic())

    def next_end(self) -> tuple[Turn, Outcome]:
        return self.told.ended_turns.get(timeout=10)

    # What the last process left

    def left_channel(self, cid: str, *turns: Turn) -> Path:
        """A channel in which the requests for `turns` lie."""
        channel = self.channels.create(cid)
        attachment = Attachment(channel, self.told)
        for turn in turns:
            attachment.ask(turn, 60)
            turn.attachment = None
        channel.close()
        return channel.path

    def left_container(
        self, cid: str, role: str = "dedicated", *, running: bool = True, config: str = "digest"
    ) -> None:
        """A container of that channel."""
        name = self.specs.main_name if role == "main" else f"openclaw-main-{cid}"
        code = None if running else 137
        self.engine.containers.append(Found(name, role, "main", cid, "", config, running, code))

    def frame(self, cid: str, kind: FrameKind, message_id: str, body: dict[str, object] | None = None) -> None:
        """Write a frame as the runner in the container would."""
        with closing(DropDir(self.root / cid / "out")) as out:
            out.place(frame_name(kind, message_id), dump_bytes(body or {}))

    def answer(self, cid: str, message_id: str) -> None:
        self.frame(cid, "response", message_id, {"status": "done", "text": "hi", "agent_ms": 3})


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def crew(tmp_path: Path, stack: ExitStack) -> Crew:
    return Crew(tmp_path, stack)
