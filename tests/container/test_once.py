"""One-shot mode: a message on stdin, a reply on stdout."""

from __future__ import annotations

import io
import json
import threading

import pytest

from agent_runner.engines.offline import OfflineEngine
from agent_runner.once import answer_once
from openclaw.errors import InvalidMessage, OpenClawError
from openclaw.message import Message
from tests.support.runner import run_once


class RefusingEngine:
    def answer(self, message: Message, cancel: threading.Event, attempt: int) -> str:
        raise OpenClawError("the model is away")


def test_a_message_in_gives_a_reply_out() -> None:
    done = run_once(b'{"text": "hello", "id": "m1", "session": "s"}')

    reply = json.loads(done.stdout)
    assert done.returncode == 0
    assert (reply["id"], reply["session"], reply["status"]) == ("m1", "s", "done")
    assert set(reply["timing"]) == {"prepTime", "agentTime", "totalTime"}


def test_without_an_id_it_is_called_once() -> None:
    target = io.BytesIO()

    assert answer_once(OfflineEngine(), io.BytesIO(b'{"text": "hello"}'), target)

    assert json.loads(target.getvalue())["id"] == "once"


def test_what_is_no_message_is_said_on_stderr() -> None:
    done = run_once(b'{"txt": "hello"}')

    assert done.returncode == 1
    assert done.stdout == b""
    assert "unknown key 'txt'" in done.stderr.decode()
    with pytest.raises(InvalidMessage):
        answer_once(OfflineEngine(), io.BytesIO(b""), io.BytesIO())


def test_an_engine_that_refuses_gives_a_failed_reply() -> None:
    target = io.BytesIO()

    assert not answer_once(RefusingEngine(), io.BytesIO(b'{"text": "hello"}'), target)

    reply = json.loads(target.getvalue())
    assert (reply["status"], reply["error"]) == ("failed", "the model is away")


def test_arguments_that_make_no_sense_are_wrong_use() -> None:
    assert run_once(b"", "--once", "--channel", "x").returncode == 2
