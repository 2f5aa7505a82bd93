"""Texts that would forge a line of the log, or steer the terminal that shows it: one line stays one line."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.faults.amount import Figure
from tests.support.file_events import FileEvents
from tests.support.raw_http import RawClient
from tests.support.service import RunningService

FORGED: Final = "2026-01-01 00:00:00,000 [ERROR] forged"
BREAKS: Final = (
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"),
    *("\x00\n", "\x1b[2J\x1b[H", "\x9b2J", "\u202e"),
)
LINE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[(DEBUG|INFO|WARN|ERROR)\] .*|    .*")
"""A line of its own, or one of the traceback that belongs to it."""
CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


class TalkativeService(RunningService):
    """Logs all that it can, and may log errors."""

    may_log_errors = True

    def say(self, text: str) -> None:
        """`text` wherever a caller can put some: fields of messages, names, addresses, heads, agents' words."""
        for key in ("id", "group", "session", "sender", "priority", "callback_url", text):
            self.post({"text": "hello", key: text})
        self.post({"text": text})
        self.post({"text": f"/spawn @{text} hello"})
        self.put("/groups/friends", {"trigger": text, "allowed_senders": [text], text: text})
        with RawClient(int(self.url.rpartition(":")[2])) as client:
            raw = text.encode()
            client.send(b"GET /" + raw + b" HTTP/1.1\r\nHost: " + raw + b"\r\nX: " + raw + b"\r\n\r\n")
            client.half_close()
            client.rest()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_callers_say_stays_on_its_line(tmp_path: Path, log_format: str, figure: Figure) -> None:
    with TalkativeService(tmp_path / "home", LOG_LEVEL="DEBUG", LOG_FORMAT=log_format) as service:
        ipc = service.home / "ipc"
        for number, mark in enumerate(BREAKS):
            text = f"a{mark}{FORGED} {mark}"
            service.say(text)
            (ipc / ".hidden").write_text(json.dumps({"text": "hello", text: text}))
            (ipc / ".hidden").rename(ipc / "inbox" / f"{number}{text.replace(chr(0), '')}.json")
            (ipc / "inbox" / f"{number}{text.replace(chr(0), '')}.txt").touch()
        with closing(FileEvents(ipc / "failed")) as events:
            events.until(lambda: len(list((ipc / "failed").glob("*.reason.json"))) == len(BREAKS))
        assert service.stop() == 0

    for log in (service.home / "logs/app.log", tmp_path / "stderr"):
        lines = log.read_bytes().decode().split("\n")[:-1]
        assert [line for line in lines if CONTROL.search(line)] == []
        assert [line for line in lines if line.startswith(FORGED)] == []
        if log_format == "json":
            assert [line for line in lines if not isinstance(json.loads(line)["message"], str)] == []
        else:
            assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert any("forged" in line for line in lines), "nothing of it was logged: the test says nothing"
    figure(f"{len(BREAKS)} ways to break a line, {len(lines)} lines logged, 0 forged")
