"""The offline engine: a few rules, work left to subagents, and never a word that hides what it is."""

from __future__ import annotations

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines import Result, Task, engine_from
from agent_runner.engines.offline import ECHO_LIMIT, OfflineEngine
from openclaw.errors import CallRefused, ConfigError
from openclaw.message import Message
from tests.support.agent_host import HandHost

COMPLEX = "Please refactor all modules of the project, then run the tests"


def ask(text: str, attempt: int = 1, host: HandHost | None = None) -> str:
    return OfflineEngine("Claw").answer(Task(Message(text), attempt), host or HandHost())


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Hello there", "Hello, I am Claw."),
        ("what can you do?", "I am Claw. I return greetings"),
        ("What is the time?", "It is "),
        ("what is 6 * 7?", "6 * 7 = 42."),
        ("7 / 2", "7 / 2 = 3.5."),
        ("1/0", "Nothing can be divided by zero."),
        ("tell me a story", "You said: tell me a story"),
        ("history", "You said: history"),
        ("/etc/passwd is a file", "You said: /etc/passwd is a file"),
    ],
)
def test_each_rule_answers_and_says_that_no_model_is_behind_it(text: str, begins: str) -> None:
    host = HandHost()

    answer = ask(text, host=host)

    assert answer.startswith(begins)
    assert "I am the offline engine" in answer
    assert "no model" in answer
    assert not host.calls


def test_a_long_text_is_not_repeated_whole() -> None:
    assert "x" * ECHO_LIMIT + "…\n" in ask("x" * 2_000)


def test_a_later_attempt_is_said() -> None:
    assert ask("hello", attempt=2).startswith("(Attempt 2: an earlier one was cut off.)")


def test_a_cancel_ends_the_wait_for_its_latency_and_nothing_is_decided() -> None:
    cancel = Cancel()
    cancel.set()
    host = HandHost()

    assert OfflineEngine(latency=3600).answer(Task(Message(COMPLEX), cancel=cancel), host) == ""
    assert not host.calls


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (COMPLEX, "file modifications across several files, code execution"),
        ("git commit this", "git changes"),
        ("drop the table users", "database changes"),
        ("x" * 2_001, "a prompt of 2001 characters"),
    ],
)
def test_heavy_and_risky_work_goes_to_a_subagent_with_the_reason(text: str, reason: str) -> None:
    host = HandHost(spawn_subagent=lambda _: {"id": "m1.s1", "status": "started"})

    answer = ask(text, host=host)

    assert host.calls == [("spawn_subagent", {"task": text, "reason": reason})]
    assert answer == f"I gave this to a subagent (m1.s1, started): {reason}. Its reply comes as m1.s1."


def test_a_subagent_that_waits_is_said_to_wait() -> None:
    host = HandHost(spawn_subagent=lambda _: {"id": "m1.s1", "status": "queued", "place": 7})

    assert "(m1.s1, queued at place 7)" in ask(COMPLEX, host=host)


def test_what_the_host_does_not_take_is_answered_here_and_the_reason_is_said() -> None:
    def refuse(_: dict[str, object]) -> dict[str, object]:
        raise CallRefused("1000 subagents run or wait already")

    answer = ask(COMPLEX, host=HandHost(spawn_subagent=refuse))

    assert "the host refused: 1000 subagents run or wait already" in answer
    assert f"You said: {COMPLEX}" in answer


@pytest.mark.parametrize(
    "task",
    [
        Task(Message(COMPLEX, id="m1.s1"), assignment={"reason": "code execution"}),
        Task(Message(COMPLEX, id="m1.s1"), assignment={}),
        Task(Message(COMPLEX, group="friends")),
    ],
    ids=["a subagent", "a subagent that was told nothing", "another group"],
)
def test_whoever_may_not_spawn_does_the_work(task: Task) -> None:
    host = HandHost()

    assert OfflineEngine().answer(task, host).startswith("You said: ")
    assert not host.calls


def test_results_of_subagents_are_told_once_at_the_head_of_the_next_answer() -> None:
    engine = OfflineEngine()
    results = (Result("m1.s1", "done", "42"), Result("m1.s2", "failed", "x" * 1000))

    told = engine.answer(Task(Message("hello"), results=results), HandHost())

    first, second, answer = told.split("\n\n")
    assert first == "Subagent m1.s1 finished (done): 42"
    assert second == f"Subagent m1.s2 finished (failed): {'x' * 500}…"
    assert answer.startswith("Hello")
    assert "m1.s1" not in engine.answer(Task(Message("hello")), HandHost())


def test_results_are_told_before_a_command_s_answer_too() -> None:
    task = Task(Message("/wait 0"), results=(Result("m1.s1", "done", "42"),))

    assert OfflineEngine().answer(task, HandHost()) == "Subagent m1.s1 finished (done): 42\n\nWaited 0 s."


def test_the_environment_chooses_the_engine() -> None:
    assert isinstance(engine_from({}), OfflineEngine)
    assert isinstance(engine_from({"OPENCLAW_ENGINE": "offline", "OPENCLAW_OFFLINE_LATENCY_MS": "5"}), OfflineEngine)
    with pytest.raises(ConfigError, match="OPENCLAW_ENGINE takes messages or offline"):
        engine_from({"OPENCLAW_ENGINE": "other"})
    with pytest.raises(ConfigError, match="whole milliseconds"):
        engine_from({"OPENCLAW_OFFLINE_LATENCY_MS": "-1"})
