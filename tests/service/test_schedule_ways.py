"""What the scheduler has of the service that nothing else has: files that cannot be read, and sessions that go."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from openclaw.message import Record
from openclaw.routing.sessions import Sessions
from openclaw.service.schedule_ways import ScheduleWays
from tests.support.clock import FakeClock


class Handed:
    """Delivery's thread, by hand."""

    def __init__(self) -> None:
        self.acts: list[Any] = []

    def __call__(self, act: Any) -> None:
        self.acts.append(act)


def unused(_: Any) -> Any:
    raise PermissionError(13, "Permission denied")


class UnreadableLedger:
    reply = staticmethod(unused)


def test_sessions_go_on_delivery_s_thread_and_one_that_cannot_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "main").mkdir()
    sessions = Sessions(tmp_path, FakeClock(), os.getuid())
    for session in ("one", "two"):
        sessions.add_turn("main", session, "a", [], Record([{"role": "user", "content": "x"}]))
    (tmp_path / "main/sessions/folder.jsonl").mkdir()
    handed = Handed()
    nothing = cast(Any, None)
    ways = ScheduleWays(nothing, nothing, nothing, sessions, handed)

    ways.forget("main", ["one", "folder", "two"])
    assert len(os.listdir(tmp_path / "main/sessions")) == 3  # nothing yet: this is another's to write
    (act,) = handed.acts
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()

    assert os.listdir(tmp_path / "main/sessions") == ["folder.jsonl"]
    assert "groups/main/sessions/folder.jsonl cannot be removed" in caplog.text


def test_an_outbox_that_cannot_be_read_has_no_reply_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    nothing = cast(Any, None)
    ways = ScheduleWays(nothing, nothing, cast(Any, UnreadableLedger()), nothing, Handed())

    assert ways.reply("a") is None
    assert "ipc/outbox/a.json cannot be read" in caplog.text
