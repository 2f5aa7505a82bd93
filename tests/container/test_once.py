"""One-shot mode: a message on stdin, a reply on stdout."""

from __future__ import annotations

import io
import json

import pytest

from agent_runner.engines import Host, Task
from agent_runner.engines.offline import OfflineEngine
from agent_runner.once import answer_once
from openclaw.errors import InvalidMessage, OpenClawError
from tests.support.runner import run_once


class RefusingEngine:
    def answer(self, task: Task, host: Host) -> str:
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


def test_whoever_asks_a_host_for_something_is_told_that_there_is_none() -> None:
    reply = json.loads(run_once(b'{"text": "/spawn /ls"}').stdout)

    assert reply["status"] == "done"
    assert reply["text"] == "The host refused: there is no host in one-shot mode that could do spawn_subagent"


def test_work_for_a_subagent_is_answered_here_where_nobody_takes_it() -> None:
    text = json.loads(run_once(b'{"text": "Please run the tests"}').stdout)["text"]

    assert "there is no host in one-shot mode" in text
    assert "You said: Please run the tests" in text


def test_events_go_nowhere() -> None:
    assert json.loads(run_once(b'{"text": "/delta one two"}').stdout)["text"] == "one two"


def test_arguments_that_make_no_sense_are_wrong_use() -> None:
    assert run_once(b"", "--once", "--channel", "x").returncode == 2
