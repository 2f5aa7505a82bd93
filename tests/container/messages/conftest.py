"""The engine before a model that does what a test has scripted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent_runner.engines.engine import Task
from agent_runner.engines.messages.caller import Caller, Pauses
from agent_runner.engines.messages.engine import MessagesEngine
from agent_runner.engines.messages.gateway import Gateway
from agent_runner.engines.messages.settings import Settings
from agent_runner.tools import Tool
from openclaw.message import Message, Record, dump_bytes
from tests.container.model_stub import TIMEOUT, ModelStub, Request
from tests.support.agent_host import HandHost

AT_ONCE = Pauses(busy=0.001, gone=0.001, longest_busy=0.001, longest_gone=0.001)


class Bench:
    """A group's folder, a model, and an engine between them."""

    def __init__(self, root: Path, model: ModelStub) -> None:
        self.model = model
        self.group = root / "group"
        self.common = root / "global"
        (self.group / "sessions").mkdir(parents=True)
        self.common.mkdir()
        self.host = HandHost()
        self.settings = Settings(gateway=str(model.path), group=self.group, common=self.common, silence=TIMEOUT)
        self.tools: Sequence[Tool] = ()
        self._engine: MessagesEngine | None = None

    @property
    def engine(self) -> MessagesEngine:
        """One for the whole test, made when it is first needed."""
        if self._engine is None:
            caller = Caller(Gateway(self.settings.gateway), self.settings.silence, pauses=AT_ONCE, chance=lambda: 1.0)
            self._engine = MessagesEngine(self.settings, self.tools, caller)
        return self._engine

    def set(self, **settings: Any) -> None:
        """Change settings, before the engine is first used."""
        assert self._engine is None
        self.settings = self.settings._replace(**settings)

    def ask(self, text: str = "hello", message_id: str = "a", **more: Any) -> str:
        """The answer to a message; `more` goes to the task, but for `sender`, `group` and `attachments`."""
        given = {key: more.pop(key) for key in ("sender", "group", "attachments") if key in more}
        message = Message(text, id=message_id, **given)
        return self.engine.answer(Task(message, **{"limit": 60.0, **more}), self.host)

    def requests(self) -> list[Request]:
        return self.model.asked()

    @property
    def record(self) -> Record:
        """What the last turn leaves to its session; one for each turn."""
        return self.host.records[-1]

    def keep(self, *entries: dict[str, Any]) -> None:
        """Lines of the session, as the host writes them."""
        with (self.group / "sessions/default.jsonl").open("ab") as file:
            for entry in entries:
                file.write(dump_bytes(entry))

    def keep_turn(self, turn_id: str, asked: str, answered: str, **more: Any) -> None:
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        self.keep({"kind": "messages", "id": turn_id, "at": 1, **more, "messages": messages})

    def keep_record(self, turn_id: str) -> None:
        """What the last turn leaves, as the host writes it."""
        self.keep({"kind": "messages", "id": turn_id, "at": 1, "messages": self.record.messages})


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ModelStub]:
    with ModelStub(tmp_path / "s") as model:
        yield model


@pytest.fixture
def bench(tmp_path: Path, model: ModelStub) -> Bench:
    return Bench(tmp_path, model)


def texts(message: dict[str, Any]) -> str:
    """What a message of a request says."""
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(block.get("text", "") for block in content)
