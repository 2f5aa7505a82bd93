"""A container that ends in the very moment in which it is taken over: nobody has listened to it yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from openclaw.config import load
from openclaw.containers.runtime import Exit, Found, Runtime
from openclaw.service import Service, runtime_choice
from tests.support.begun import wait_until_begun
from tests.support.runtime import HandRuntime
from tests.support.service import RunningService


class EngineOfOneMoment(HandRuntime):
    """Lists the container `cid` as running; it has ended, and that was told, before the list is there."""

    def __init__(self, cid: str) -> None:
        super().__init__()
        self._cid = cid
        self._on_exit: Callable[[Exit], None] | None = None

    def open(
        self,
        on_exit: Callable[[Exit], None],
        on_engine_up: Callable[[], None],
        on_image_changed: Callable[[], None],
    ) -> None:
        self._on_exit = on_exit

    def list(self) -> Sequence[Found]:
        assert self._on_exit is not None
        self._on_exit(Exit(self._cid, 137, ""))
        return [Found(f"openclaw-friends-{self._cid}", "dedicated", "friends", self._cid, "a", "digest", True, None)]


def test_its_turn_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "groups/friends").mkdir(parents=True)
    (home / "groups/friends/group.json").write_text("{}")
    with RunningService(home, OFFLINE_LATENCY="600000") as service:
        service.post({"text": "hello", "id": "a", "group": "friends"}, "")
        engine = EngineOfOneMoment(wait_until_begun(home, "a"))
        service.kill()

    def choose(*_: object) -> Runtime:
        return engine

    monkeypatch.setattr(runtime_choice, "choose", choose)
    again = Service(load({"OPENCLAW_HOME": str(home), "OPENCLAW_PORT": "0", "DRAIN_TIMEOUT": "0"}))
    again.start()
    started = [engine.starts.get(timeout=10) for _ in range(2)]
    assert {start.spec.message_id for start in started} == {"", "a"}  # Main's container, and the second attempt's
    for start in started:
        start.done.set_result(None)
    again.stop()
