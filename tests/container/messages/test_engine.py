"""The engine in a real runner, with the host's own hands on its session: what the one leaves the other shows again."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_runner.engines import engine_from
from agent_runner.engines.messages.engine import MessagesEngine
from openclaw.agents.attachment import read_answer
from openclaw.containers.event_tail import EventTail
from openclaw.errors import ConfigError
from openclaw.message import Frame
from openclaw.routing.sessions import Sessions
from openclaw.spool import DropDir
from tests.container.model_stub import TIMEOUT, Exchange, ModelStub, begins, breaks_off, refuses, says, text, waits
from tests.support.clock import FakeClock
from tests.support.runner import RunnerProcess, run_once


class Agent:
    """A runner with the engine in Main's folder, and what the host does with its responses."""

    def __init__(self, root: Path, model: ModelStub) -> None:
        self.group = root / "groups/main"
        self.group.mkdir(parents=True)
        self.sessions = Sessions(root / "groups", FakeClock(), os.getuid())
        self.runner = RunnerProcess(root / "channel", self.group)
        self.process = self.runner.start(
            OPENCLAW_ENGINE="messages", OPENCLAW_GATEWAY=str(model.path), OPENCLAW_MODEL="a-model", ASSISTANT_NAME="Ada"
        )

    def ask(self, turn_id: str, said: str, session: str = "default", **more: Any) -> dict[str, Any]:
        """The response to a message, whose record is kept."""
        self.runner.ask(turn_id, said, session, **more)
        response = self.runner.wait("response", turn_id)
        answer = read_answer(Frame("response", turn_id, response))
        self.sessions.add_turn("main", session, turn_id, [], answer.record)()
        return response

    def events(self, turn_id: str) -> list[str]:
        """The deltas of a turn, as the host reads them."""
        with closing(EventTail(DropDir(self.runner.path / "out"), turn_id, os.getuid())) as tail:
            return [event.body["text"] for event in tail.read() if event.body["kind"] == "delta"]

    def kibibytes(self) -> int:
        """The runner's resident memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def maps(self) -> str:
        """The files that the runner has in its memory."""
        return Path(f"/proc/{self.process.pid}/maps").read_text()


@pytest.fixture
def agent(tmp_path: Path, model: ModelStub) -> Iterator[Agent]:
    agent = Agent(tmp_path, model)
    yield agent
    agent.runner.close()


def test_an_answer_comes_with_its_deltas_and_what_the_session_is_to_keep(agent: Agent, model: ModelStub) -> None:
    model.will(says("Hel", "lo"))

    response = agent.ask("a", "hi")

    assert (response["status"], response["text"]) == ("done", "Hello")
    assert agent.events("a") == ["Hel", "lo"]
    request = model.next_request()
    assert request.body["model"] == "a-model"
    assert "You are Ada" in request.body["system"][0]["text"]


def test_a_session_goes_on_over_the_host_s_file_and_begins_afresh(agent: Agent, model: ModelStub) -> None:
    model.will(*[says(f"answer {number}") for number in range(4)])
    agent.ask("a", "question 0")
    agent.ask("b", "question 1")
    agent.ask("x", "aside", session="other")
    assert "A fresh session begins" in agent.ask("n", "/new")["text"]
    agent.ask("c", "question 2")

    shown = [len(request.body["messages"]) for request in model.asked()]
    assert shown == [1, 3, 1, 1]
    (archive,) = (agent.group / "conversations").iterdir()
    assert "question 1" in archive.read_text()


def test_another_runner_goes_on_with_the_session(tmp_path: Path, agent: Agent, model: ModelStub) -> None:
    model.will(says("answer 0"), says("answer 1"))
    agent.ask("a", "question 0")
    with closing(RunnerProcess(tmp_path / "second", agent.group)) as second:
        second.start(OPENCLAW_ENGINE="messages", OPENCLAW_GATEWAY=str(model.path), OPENCLAW_ROLE="dedicated")
        second.ask("b", "question 1")
        assert second.wait("response", "b")["text"] == "answer 1"

    assert "answer 0" in str(model.asked()[1].body["messages"])


def test_a_failure_keeps_what_was_said(agent: Agent, model: ModelStub) -> None:
    model.will(breaks_off("Hel"), refuses(401, "invalid x-api-key"))

    cut = agent.ask("a", "hi")
    refused = agent.ask("b", "hi")

    assert (cut["status"], cut["text"]) == ("failed", "Hel")
    assert 'say "go on" to continue' in cut["error"]
    assert "check ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in .env and restart" in refused["error"]


def test_a_cancel_takes_effect_within_a_second_and_the_session_knows(agent: Agent, model: ModelStub) -> None:
    never = threading.Event()
    model.will(waits(never, says("late")), says("hello"))
    agent.runner.ask("a", "remember 42")
    model.next_request()
    began = time.monotonic()
    agent.runner.send("cancel", "a")
    response = agent.runner.wait("response", "a")
    assert time.monotonic() - began < 1
    assert response["status"] == "cancelled"
    never.set()

    answer = read_answer(Frame("response", "a", response))
    agent.sessions.add_turn("main", "default", "a", [], answer.record)()
    agent.ask("b", "what was it?")
    assert "remember 42" in str(model.next_request().body["messages"])


def test_a_hundred_sessions_are_answered_side_by_side(agent: Agent, model: ModelStub) -> None:
    together = threading.Barrier(100)

    def at_the_same_time(exchange: Exchange) -> None:
        together.wait(TIMEOUT)
        exchange.head()
        exchange.send(begins(), *text(0, exchange.request.headers["x-openclaw-turn"]), *says_end())
        exchange.end()

    model.will(*[at_the_same_time] * 100)
    for number in range(100):
        agent.runner.ask(f"t{number}", "hi", session=f"s{number}")

    for number in range(100):
        assert agent.runner.wait("response", f"t{number}")["text"] == f"t{number}"


def says_end() -> list[dict[str, Any]]:
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    return [delta, {"type": "message_stop"}]


def test_the_runner_with_this_engine_stays_small_and_has_no_tls(agent: Agent, model: ModelStub) -> None:
    model.will(*[says("Hel", "lo")] * 20)
    for number in range(20):
        agent.ask(f"t{number}", "hi")

    assert agent.kibibytes() < 25 * 1024
    assert "libssl" not in agent.maps()


def test_one_message_is_answered_without_a_host(model: ModelStub) -> None:
    model.will(says("Hello"))

    done = run_once(b'{"text": "hi"}', OPENCLAW_ENGINE="messages", OPENCLAW_GATEWAY=str(model.path))

    assert (done.returncode, b'"text":"Hello"' in done.stdout) == (0, True)


# Which engine


def test_the_environment_chooses_this_engine_and_others_do_not_pay_for_it() -> None:
    assert isinstance(engine_from({"OPENCLAW_ENGINE": "messages"}), MessagesEngine)
    code = (
        "import sys; from agent_runner.engines import engine_from; engine_from({});"
        "sys.exit(any('engines.messages' in name for name in sys.modules))"
    )
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-c", code], environ) == 0


def test_settings_that_make_no_sense_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="OPENCLAW_CONTEXT_TOKENS"):
        engine_from({"OPENCLAW_ENGINE": "messages", "OPENCLAW_CONTEXT_TOKENS": "all"})
