"""A service front that answers as a test says, for everything that is served or called over HTTP."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

from openclaw.agents.group_config import GroupConfig
from openclaw.agents.settings_guard import SettingsGuard
from openclaw.delivery.events import EventHub, Reader
from openclaw.errors import MessageRefused, TaskRefused, UnknownGroup
from openclaw.message import Message, Reply, Timing
from openclaw.observe.live import Live, LiveReader
from openclaw.routing.desk import Receipt
from openclaw.routing.groups import Groups
from tests.support.clock import FakeClock, ManualTimers


class FakeTasks:
    """Tasks that do what they are told; `asked` remembers what was."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: TaskRefused | None = None

    def list(self) -> dict[str, Any]:
        return {"tasks": [{"id": "t0123456789", "status": "active"}]}

    def show(self, task_id: str, /) -> dict[str, Any]:
        return self._done("show", task_id)

    def add(self, given: dict[str, Any], /) -> dict[str, Any]:
        return self._done("add", "t0123456789", given)

    def change(self, task_id: str, given: dict[str, Any], /) -> dict[str, Any]:
        return self._done("change", task_id, given)

    def pause(self, task_id: str, /) -> dict[str, Any]:
        return self._done("pause", task_id)

    def resume(self, task_id: str, /) -> dict[str, Any]:
        return self._done("resume", task_id)

    def cancel(self, task_id: str, /) -> dict[str, Any]:
        return self._done("cancel", task_id)

    def _done(self, *what: Any) -> dict[str, Any]:
        self.asked.append(what)
        if self.refusal is not None:
            raise self.refusal
        return {"id": what[1], "status": what[0]}


class FakeView:
    """Shows what a test puts there; `live` is a reader of the test's own."""

    def __init__(self) -> None:
        self.timers = ManualTimers(FakeClock())
        self.topics: dict[str, dict[str, Any]] = {"now": {}, "failed": {}}
        topics = {name: partial(self._topic, name) for name in self.topics}
        self.live_state = Live(topics, self.timers, self.timers.clock)
        self.lists: dict[str, Any] = {"failed": [], "more": 0}
        self.retried: list[str] = []
        self.removed: list[str] = []
        self.refusal: OSError | None = None

    def _topic(self, name: str) -> dict[str, Any]:
        return self.topics[name]

    def live(self) -> LiveReader:
        return self.live_state.open()

    def times(self) -> dict[str, Any]:
        return {"period_s": 300, "now": 0, "rows": []}

    def failed(self) -> dict[str, Any]:
        return self.lists

    def failed_retry(self, key: str, /) -> bool:
        return self._acted(self.retried, key)

    def failed_remove(self, key: str, /) -> bool:
        return self._acted(self.removed, key)

    def sessions(self, group: str, /) -> dict[str, Any]:
        return {"group": group, "sessions": []}

    def session(self, group: str, session: str, /) -> dict[str, Any]:
        if group != "main":
            raise UnknownGroup(f"there is no group {group!r}")
        return {"group": group, "session": session, "turns": [], "whole": True}

    def _acted(self, on: list[str], key: str) -> bool:
        if self.refusal is not None:
            raise self.refusal
        on.append(key)
        return key != "gone.json"


class FakeFront:
    """Remembers what it is asked. `refusal` is raised by accept; `answer` finishes a message for those who wait.

    The groups are those below `groups_root`, which need not be there.
    """

    def __init__(self, groups_root: Path = Path("/nonexistent")) -> None:
        self.view = FakeView()
        self._groups = Groups(SettingsGuard(groups_root))
        self.hub = EventHub(self.reply, lambda message_id: self.progress(message_id) is not None)
        self.accepted: list[Message] = []
        self.cancelled: list[str] = []
        self.refusal: MessageRefused | None = None
        self.readiness = (True, "messages are taken")
        self.tasks = FakeTasks()
        self.begun_waits = threading.Semaphore(0)
        self.ended_waits = threading.Semaphore(0)
        self._changed = threading.Condition()
        # Guarded by _changed: _replies, _wakes.
        self._replies: dict[str, dict[str, Any]] = {}
        self._wakes: dict[str, threading.Event] = {}

    def answer(self, message_id: str, text: str = "hi", **changes: Any) -> None:
        values: dict[str, Any] = {"group": "main", "session": "default", "status": "done", "route": "persistent"}
        reply = Reply(id=message_id, text=text, attempt=1, timing=Timing(), **{**values, **changes}).to_json()
        with self._changed:
            self._replies[message_id] = reply
            wake = self._wakes.get(message_id)
        if wake is not None:
            wake.set()

    def accept(self, message: Message, /) -> Receipt:
        if self.refusal is not None:
            raise self.refusal
        known = message.id != "" and any(message.id == earlier.id for earlier in self.accepted)
        message_id = message.id or f"m{len(self.accepted) + 1}"
        if not known:
            self.accepted.append(message.with_id(message_id))
        return Receipt(message_id, known)

    def reply(self, message_id: str, /) -> dict[str, Any] | None:
        with self._changed:
            return self._replies.get(message_id)

    def progress(self, message_id: str, /) -> dict[str, Any] | None:
        if self.reply(message_id) is not None or all(message.id != message_id for message in self.accepted):
            return None
        return {"id": message_id, "group": "main", "session": "default", "status": "running", "attempt": 1}

    def wait(self, message_id: str, timeout_s: float, wake: threading.Event, /) -> dict[str, Any] | None:
        with self._changed:
            self._wakes[message_id] = wake
            if message_id in self._replies:
                wake.set()
        self.begun_waits.release()
        wake.wait(timeout_s)
        self.ended_waits.release()
        return self.reply(message_id)

    def events(self, message_id: str, after: str, /) -> Reader | None:
        return self.hub.open(message_id, after)

    def subagents(self) -> list[dict[str, Any]]:
        return [{"id": "m1.s1", "status": "running"}]

    def agents(self) -> list[dict[str, Any]]:
        return [{"name": "reviewer", "group": "main"}]

    def cancel(self, message_id: str, /) -> bool:
        if self.progress(message_id) is None:
            return False
        self.cancelled.append(message_id)
        return True

    def status(self) -> dict[str, Any]:
        return {"runtime": "process", "main": {"state": "READY", "restarts": 0}, "containers": [{"name": "a"}]}

    def ready(self) -> tuple[bool, str]:
        return self.readiness

    def metrics(self) -> str:
        return "openclaw_messages_total 3\n"

    def groups(self) -> list[dict[str, Any]]:
        return self._groups.list()

    def group_show(self, name: str, /) -> dict[str, Any]:
        return self._groups.show(name)

    def group_put(self, name: str, config: GroupConfig, /) -> bool:
        return self._groups.add(name, config)

    def group_remove(self, name: str, /) -> None:
        self._groups.remove(name)
