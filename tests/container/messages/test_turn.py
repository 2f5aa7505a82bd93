"""A turn: the model is asked, its tools run, and whatever happens ends in a clear reply and an honest record."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import Result, TurnCancelled, TurnCut
from agent_runner.engines.messages.turn import MAX_CALLS
from agent_runner.tools import ToolFailed
from openclaw.errors import OpenClawError
from openclaw.message import Record, Summary
from tests.container.messages.conftest import Bench, texts
from tests.container.messages.test_tool_box import HandTool
from tests.container.model_stub import (
    TIMEOUT,
    Exchange,
    begins,
    breaks_off,
    ends,
    refuses,
    says,
    streams,
    text,
    thinking,
    tool_use,
    uses,
    waits,
)  # fmt: skip
from tests.support.agent_host import HandHost


def user_said(body: dict[str, Any], number: int = -1) -> str:
    """What one of the user's messages in a request says."""
    return texts([message for message in body["messages"] if message["role"] == "user"][number])


def results(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of tools in a request's last message."""
    return [block for block in body["messages"][-1]["content"] if block["type"] == "tool_result"]


def cut(bench: Bench, **task: Any) -> TurnCut:
    with pytest.raises(TurnCut) as failed:
        bench.ask(**task)
    return failed.value


@pytest.fixture
def read(bench: Bench) -> list[dict[str, Any]]:
    """A tool Read, which says the path; its uses."""
    used: list[dict[str, Any]] = []

    def do(arguments: dict[str, Any]) -> str:
        used.append(arguments)
        if "file_path" not in arguments:
            raise ToolFailed("Read needs file_path")
        return f"what {arguments['file_path']} says"

    bench.tools = [HandTool("Read", do)]
    return used


# An answer


def test_an_answer_is_told_as_it_comes_and_left_to_the_session(bench: Bench) -> None:
    bench.model.will(says("Hel", "lo"))

    assert bench.ask("hi") == "Hello"

    assert bench.host.deltas == ["Hel", "lo"]
    asked, answered = bench.record.messages
    assert texts(asked).endswith("\n\nhi")
    assert answered == {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
    assert bench.record.tokens == 30


def test_a_delta_is_told_before_the_next_one_comes(bench: Bench) -> None:
    told, go_on = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(begins(), *text(0, "Hel")[:2])
        assert go_on.wait(TIMEOUT)
        exchange.send({"type": "content_block_stop", "index": 0}, *ends("end_turn"))
        exchange.end()

    bench.model.will(slow)
    bench.host.delta = lambda text: told.set()  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(bench.ask)
        assert told.wait(TIMEOUT)
        go_on.set()
        assert answer.result(TIMEOUT) == "Hel"


def test_what_was_said_before_is_shown_and_the_session_grows(bench: Bench) -> None:
    bench.model.will(says("Hello Ada"), says("Ada"))
    bench.ask("I am Ada", message_id="a")
    bench.keep_record("a")
    bench.ask("Who am I?", message_id="b")

    first, second = (request.body["messages"] for request in bench.requests())

    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert texts(second[0]) == texts(first[0])
    assert texts(second[1]) == "Hello Ada"


def test_a_subagent_knows_and_leaves_nothing_of_its_parent_s_session(bench: Bench) -> None:
    bench.keep_turn("a", "secret", "so be it")
    bench.model.will(says("done"))

    bench.ask("Sort them.", message_id="a.s1", assignment={"context": "all of them"})

    (request,) = bench.requests()
    assert len(request.body["messages"]) == 1
    assert request.headers["x-openclaw-turn"] == "a.s1"
    assert "You are a subagent" in request.body["system"][0]["text"]
    assert bench.host.records == []


def test_a_subagent_with_a_profile_is_that_agent(bench: Bench) -> None:
    file = bench.group / ".claude/agents/reviewer.md"
    file.parent.mkdir(parents=True)
    keys = "name: reviewer\ndescription: d\ntools: Read\nmodel: haiku\nmemory: project"
    file.write_text(f"---\n{keys}\n---\nFind what is wrong.")
    bench.tools = [HandTool("Read", lambda _: ""), HandTool("Bash", lambda _: "")]
    bench.model.will(says("fine"), says("fine"))

    bench.ask("look", assignment={"agent": "reviewer"})
    bench.ask("look", assignment={})

    as_reviewer, as_nobody = (request.body for request in bench.requests())
    assert as_reviewer["model"] == "claude-haiku-4-5"
    assert "Find what is wrong." in as_reviewer["system"][0]["text"]
    assert "agent-memory/reviewer outlives your tasks" in as_reviewer["system"][0]["text"]
    assert [tool["name"] for tool in as_reviewer["tools"]] == ["Read", "Write", "Edit"]
    assert as_nobody["model"] == bench.settings.model
    assert [tool["name"] for tool in as_nobody["tools"]] == ["Read", "Bash"]


def test_an_agent_that_is_not_there_fails_the_turn_before_the_model_is_asked(bench: Bench) -> None:
    with pytest.raises(OpenClawError, match="there is no agent 'painter'"):
        bench.ask("paint", assignment={"agent": "painter"})
    assert bench.requests() == []


def test_results_of_subagents_and_a_second_attempt_are_told(bench: Bench) -> None:
    bench.model.will(says("42"))

    bench.ask("hi", results=(Result("z.s1", "done", "it is 42"),), attempt=2)

    said = user_said(bench.requests()[0].body)
    assert "it is 42" in said
    assert "attempt 2" in said


# Tools


def test_a_tool_is_used_and_its_result_goes_back(bench: Bench, read: list[dict[str, Any]]) -> None:
    bench.model.will(uses(("Read", {"file_path": "/a"}), said="Let me look."), says("It says x."))

    assert bench.ask() == "Let me look.\n\nIt says x."

    first, second = (request.body for request in bench.requests())
    assert first["tools"][0]["name"] == "Read"
    assert read == [{"file_path": "/a"}]
    assert bench.host.tools == [("Read", "/a")]
    assert second["messages"][-2]["content"][1] == {
        "type": "tool_use", "id": "use_1", "name": "Read", "input": {"file_path": "/a"},
    }  # fmt: skip
    assert results(second)[0]["content"] == "what /a says"
    assert [message["role"] for message in bench.record.messages] == ["user", "assistant", "user", "assistant"]


def test_the_results_of_one_answer_go_back_in_one_message_in_their_order(
    bench: Bench, read: list[dict[str, Any]]
) -> None:
    names = [f"/{number}" for number in range(20)]
    bench.model.will(uses(*(("Read", {"file_path": name}) for name in names)), says("done"))

    bench.ask()

    given = results(bench.requests()[1].body)
    assert [one["tool_use_id"] for one in given] == [f"use_{number}" for number in range(1, 21)]
    assert [one["content"] for one in given] == [f"what {name} says" for name in names]


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("Raed", {}, "there is no tool 'Raed'; there are: Read"),
        ("Read", '{"file_path": ', "the arguments cannot be read: not valid JSON"),
        ("Read", {}, "Read needs file_path"),
    ],
)
def test_what_the_model_does_wrong_is_told_to_it_and_the_turn_goes_on(
    bench: Bench, read: list[dict[str, Any]], tool: str, arguments: dict[str, Any] | str, told: str
) -> None:
    bench.model.will(uses((tool, arguments)), says("I see."))

    assert bench.ask() == "I see."
    (given,) = results(bench.requests()[1].body)
    assert given["is_error"] is True
    assert told in given["content"]


def test_tools_are_run_whatever_reason_a_server_gives_for_stopping(bench: Bench, read: list[dict[str, Any]]) -> None:
    bench.model.will(uses(("Read", {"file_path": "/a"}), reason="end_turn"), says("done"))

    assert bench.ask() == "done"
    assert len(read) == 1


def test_thoughts_go_back_to_the_letter_within_the_turn_only(bench: Bench, read: list[dict[str, Any]]) -> None:
    thought = {"type": "thinking", "thinking": "Hm…", "signature": "sig=="}
    answer = [begins(), *thinking(0, "Hm…", "sig=="), *tool_use(1, "u", "Read", {"file_path": "/a"}), *ends("tool_use")]
    bench.model.will(streams(answer), says("done"))

    bench.ask()

    assert bench.requests()[1].body["messages"][1]["content"][0] == thought
    assert "thinking" not in str(bench.record.messages)


def test_a_model_that_never_ends_is_stopped(bench: Bench, read: list[dict[str, Any]]) -> None:
    bench.model.will(*[uses(("Read", {"file_path": "/a"}), said="Once more.")] * (MAX_CALLS + 1))

    failed = cut(bench)

    assert str(failed) == f'stopped after {MAX_CALLS} calls of the model in one turn; say "go on" to continue'
    assert failed.text.startswith("Once more.\n\nOnce more.")
    assert len(bench.requests()) == MAX_CALLS
    assert "The turn failed here" in texts(bench.record.messages[-1])
    assert Record.from_json(bench.record.to_json()) == bench.record


# How an answer may end


@pytest.mark.parametrize(
    "script", [says(), says(""), says("  \n"), streams([begins(), *thinking(0, "Hm", "s"), *ends("")])]
)
def test_a_model_that_answers_nothing_is_said(bench: Bench, script: Any) -> None:
    bench.model.will(script)

    assert "the model answered nothing" in str(cut(bench))


def test_a_model_that_says_nothing_after_its_tools_has_said_enough_before(
    bench: Bench, read: list[dict[str, Any]]
) -> None:
    bench.model.will(uses(("Read", {"file_path": "/a"}), said="I note that down."), says())

    assert bench.ask() == "I note that down."


def test_an_answer_that_is_cut_off_goes_on_where_it_ended(bench: Bench) -> None:
    bench.model.will(says("one, tw", reason="max_tokens"), says("o, three"))

    assert bench.ask() == "one, two, three"
    assert "Go on exactly where it ended" in user_said(bench.requests()[1].body)


def test_an_answer_that_is_cut_off_twice_ends_honestly(bench: Bench) -> None:
    bench.model.will(says("one, ", reason="max_tokens"), says("two", reason="max_tokens"))

    assert bench.ask().startswith("one, two\n\n(The answer was cut off here")
    assert texts(bench.record.messages[-1]).startswith("(The answer was cut off here")


def test_a_tool_that_was_asked_for_in_a_cut_answer_is_not_run(bench: Bench, read: list[dict[str, Any]]) -> None:
    bench.model.will(
        uses(("Read", {"file_path": "/a"}), ("Read", '{"file_path": "/b'), reason="max_tokens"),
        uses(("Read", {"file_path": "/a"})),
        says("done"),
    )

    assert bench.ask() == "done"
    assert read == [{"file_path": "/a"}]
    given = results(bench.requests()[1].body)
    assert [one["tool_use_id"] for one in given] == ["use_1", "use_2"]
    assert all(one["is_error"] and "was not run" in one["content"] for one in given)


@pytest.mark.parametrize("script", [says(reason="max_tokens"), streams([begins(), *ends("max_tokens")])])
def test_an_answer_that_was_cut_before_it_said_anything_ends_honestly(bench: Bench, script: Any) -> None:
    bench.model.will(script)

    assert bench.ask().startswith("(The answer was cut off here")


def test_a_full_window_ends_the_answer_honestly(bench: Bench) -> None:
    bench.model.will(says("so far", reason="model_context_window_exceeded"))

    assert "the model's window is full. Send /new" in bench.ask()


def test_a_refusal_is_told_and_not_kept(bench: Bench) -> None:
    bench.model.will(says("I ca", reason="refusal"))

    assert "The model declined to go on" in bench.ask()
    assert bench.host.records == []


def test_a_pause_is_gone_on_from(bench: Bench) -> None:
    bench.model.will(says("one, ", reason="pause_turn"), says("two"))

    assert bench.ask() == "one, two"
    sent = bench.requests()[1].body["messages"][-1]
    assert sent == {"role": "assistant", "content": [{"type": "text", "text": "one,"}]}


@pytest.mark.parametrize("reason", ["stop_sequence", "", "something_new"])
def test_any_other_reason_is_an_end(bench: Bench, reason: str) -> None:
    bench.model.will(says("done", reason=reason))

    assert bench.ask() == "done"


# Failures


def test_a_failure_keeps_what_was_said_and_leaves_the_session_whole(bench: Bench, read: list[dict[str, Any]]) -> None:
    bench.model.will(uses(("Read", {"file_path": "/a"}), said="Let me look."), breaks_off("It sa"))

    failed = cut(bench)

    assert failed.text == "Let me look.\n\nIt sa"
    assert 'say "go on" to continue' in str(failed)
    assert [message["role"] for message in bench.record.messages] == ["user", "assistant", "user", "assistant"]
    assert texts(bench.record.messages[-1]).startswith("It sa\n\n(The turn failed here: ")


def test_a_refused_key_says_what_to_do_and_the_message_is_not_forgotten(bench: Bench) -> None:
    bench.model.will(refuses(401, "invalid x-api-key"), says("hello"))

    told = "check ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in .env and restart"
    assert told in str(cut(bench, text="remember 42"))
    bench.keep_record("a")
    bench.ask("again", message_id="b")
    assert "remember 42" in user_said(bench.requests()[1].body, 0)


def test_no_tool_runs_twice_when_a_later_call_fails_and_is_made_again(bench: Bench, read: list[dict[str, Any]]) -> None:
    bench.model.will(uses(("Read", {"file_path": "/a"})), breaks_off(), refuses(529), says("done"))

    assert bench.ask() == "done"
    assert len(read) == 1


def test_a_turn_whose_time_is_over_ends_by_itself(bench: Bench) -> None:
    never = threading.Event()
    bench.model.will(waits(never, says("late")))

    assert "time was over" in str(cut(bench, limit=0.1))
    never.set()


def test_a_cancel_ends_the_turn_and_what_was_done_stays_known(bench: Bench) -> None:
    cancel = Cancel()

    def do(_: dict[str, Any]) -> str:
        cancel.set()
        raise TurnCancelled

    bench.tools = [HandTool("Bash", do, read_only=False)]
    bench.model.will(uses(("Bash", {"command": "make"}), ("Bash", {"command": "ls"})))

    with pytest.raises(TurnCancelled):
        bench.ask(cancel=cancel)
    _, used, given, end = bench.record.messages
    assert [block["input"]["command"] for block in used["content"]] == ["make", "ls"]
    assert [block["tool_use_id"] for block in given["content"]] == ["use_1", "use_2"]
    assert texts(end) == "(The turn was cancelled here.)"


def test_a_cancel_takes_effect_while_the_model_is_waited_for(bench: Bench) -> None:
    cancel, never = Cancel(), threading.Event()
    bench.model.will(waits(never, says("late")))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bench.ask, cancel=cancel)
        bench.model.next_request()
        began = time.monotonic()
        cancel.set()
        with pytest.raises(TurnCancelled):
            asked.result(TIMEOUT)
        assert time.monotonic() - began < 1
    never.set()


def test_what_was_said_before_a_cancel_stays_in_the_reply_and_in_the_session(bench: Bench) -> None:
    cancel, never = Cancel(), threading.Event()

    def says_half(exchange: Exchange) -> None:
        exchange.head()
        exchange.send(begins(), *text(0, "Half an ans")[:-1])
        assert never.wait(TIMEOUT)

    class CancellingHost(HandHost):
        def delta(self, text: str) -> None:
            super().delta(text)
            cancel.set()

    bench.model.will(says_half)
    bench.host = CancellingHost()
    with pytest.raises(TurnCancelled) as cancelled:
        bench.ask(cancel=cancel)
    never.set()

    assert cancelled.value.text == "Half an ans"
    assert texts(bench.record.messages[-1]) == "Half an ans\n\n(The turn was cancelled here.)"


# A fresh session


def test_new_begins_a_fresh_session(bench: Bench) -> None:
    bench.keep_turn("a", "hello", "hi")

    said = bench.ask(" /new \n", message_id="b")

    assert said == "".join(bench.host.deltas)
    assert "what was said before is kept in conversations/" in said
    assert bench.record == Record([], new=True)
    assert bench.requests() == []


def test_new_where_nothing_was_said_promises_no_archive(bench: Bench) -> None:
    assert bench.ask("/new") == "A fresh session begins: nothing was said in this one yet."


@pytest.mark.parametrize("said", ["/NEW", " /New ", "\t/nEW\n"])
def test_new_counts_in_capitals_and_with_space_around_it(bench: Bench, said: str) -> None:
    assert "A fresh session begins" in bench.ask(said)
    assert bench.requests() == []


def test_new_says_of_a_session_that_cannot_be_read_what_helps(bench: Bench) -> None:
    (bench.group / "sessions/default.jsonl").symlink_to("/etc/hostname")

    said = bench.ask("/new")

    assert said.startswith("(This session's history, sessions/default.jsonl in the group's folder, cannot be read: ")
    assert said.endswith("\n\nA fresh session begins: nothing was said in this one yet.")


def test_new_may_come_with_the_first_message_and_is_said_before_the_answer(bench: Bench) -> None:
    bench.keep_turn("a", "the old secret", "hi")
    bench.model.will(says("hello"))

    assert bench.ask("/New  What now?", message_id="b") == "(A fresh session begins.)\n\nhello"

    (request,) = bench.requests()
    assert "secret" not in str(request.body)
    assert user_said(request.body).endswith("\n\nWhat now?")
    assert bench.record.new
    assert "fresh session" not in str(bench.record.messages)


def test_new_counts_even_where_the_model_then_refuses(bench: Bench) -> None:
    bench.model.will(says(reason="refusal"))
    bench.ask("/new\nSomething bad")

    assert (bench.record.messages, bench.record.new) == ([], True)


@pytest.mark.parametrize("said", ["/newer", "say /new", "/news today"])
def test_what_only_looks_like_it_is_a_message(bench: Bench, said: str) -> None:
    bench.model.will(says("hello"))
    bench.ask(said)

    assert not bench.record.new


def test_the_scheduled_tasks_are_told_without_the_model_and_without_a_trace(bench: Bench) -> None:
    bench.keep_turn("a", "hello", "hi")
    bench.host = HandHost(list_tasks=lambda _: {"tasks": []}, pause_task=lambda asked: asked | {"status": "paused"})

    assert bench.ask("/tasks") == "No task is scheduled."
    assert bench.ask(" /tasks pause t1 ") == "t1 is paused."
    assert bench.ask("/tasks resume t1") == "The host refused: no resume_task today"
    assert bench.ask("/tasks what") == "Use: /tasks [pause|resume|cancel ID]"

    assert "".join(bench.host.deltas).startswith("No task is scheduled.t1 is paused.")
    assert bench.host.records == []
    assert bench.requests() == []


def test_a_damaged_history_is_said_first_and_the_answer_follows(bench: Bench) -> None:
    bench.keep_turn("a", "hello", "hi")
    with (bench.group / "sessions/default.jsonl").open("a") as file:
        file.write("{half\n")
    bench.model.will(says("hello"), says())

    answer = bench.ask(message_id="b")

    assert re.fullmatch(r"\(A part of this session's history is damaged .*\)\n\nhello", answer)
    assert "hi" in str(bench.requests()[0].body["messages"][1])
    assert "answered nothing" in str(cut(bench, message_id="c"))


# A window that gets full


def test_old_turns_are_summarised_before_the_window_is_full(bench: Bench) -> None:
    bench.set(context_tokens=20_000, max_tokens=1000)
    for number in range(4):
        question = f"question {number} " + "x" * 11_000
        bench.keep_turn(f"t{number}", question, f"answer {number}", tokens=4000 * (number + 1))
    bench.model.will(says("They asked much."), says("hello"))

    assert bench.ask(message_id="b") == "hello"

    summary, request = bench.requests()
    assert "answer 0" in user_said(summary.body)
    assert "answer 2" in user_said(summary.body)
    assert "answer 3" not in user_said(summary.body)
    assert "They asked much." in texts(request.body["messages"][0])
    assert "question 3" in texts(request.body["messages"][2])
    assert "question 2" not in str(request.body)
    assert bench.record.summary == Summary("t2", "They asked much.")
    assert bench.host.deltas == ["hello"]
    assert bench.host.tools == [("Summarise", "3 earlier turns, to make room")]


def test_the_summary_is_there_in_the_next_turn_and_part_of_the_next_summary(bench: Bench) -> None:
    bench.keep({"kind": "summary", "id": "b", "upto": "a", "text": "They asked much."})
    bench.keep_turn("b", "x" * 60_000, "yes")
    bench.set(context_tokens=20_000, max_tokens=1000)
    bench.model.will(says("All so far."), says("hello"))

    bench.ask(message_id="c")

    summary, request = bench.requests()
    assert "They asked much." in user_said(summary.body)
    assert "All so far." in texts(request.body["messages"][0])


def test_an_api_whose_window_is_smaller_than_was_said_gets_a_summary_too(bench: Bench) -> None:
    bench.keep_turn("a", "question", "answer")
    too_long = refuses(400, "prompt is too long: 9000 tokens > 8192 maximum")
    bench.model.will(too_long, too_long, says("They asked much."), says("hello"))

    assert bench.ask(message_id="b") == "hello"
    assert bench.record.summary == Summary("a", "They asked much.")


def test_results_of_the_turn_itself_make_room_where_nothing_else_does(bench: Bench) -> None:
    bench.tools = [HandTool("Read", lambda _: "x" * 40_000)]
    bench.set(context_tokens=20_000, max_tokens=1000)
    asks = [*tool_use(0, "u", "Read", {"file_path": "/a"}), *ends("tool_use")]
    bench.model.will(streams([begins(), *asks]), streams([begins(input_tokens=17_000), *asks]), says("done"))

    assert bench.ask() == "done"
    last = bench.requests()[2].body["messages"]
    assert last[2]["content"][0]["content"].startswith("(This result was left out")
    assert last[4]["content"][0]["content"] == "x" * 40_000


def test_what_is_too_long_and_cannot_be_made_shorter_says_what_to_do(bench: Bench) -> None:
    bench.model.will(refuses(413, "too large"))

    assert "send /new to begin a fresh session" in str(cut(bench))
    assert len(bench.requests()) == 1


def test_a_summary_that_fails_fails_the_turn_with_what_to_do(bench: Bench) -> None:
    bench.keep_turn("a", "x" * 60_000, "yes")
    bench.set(context_tokens=20_000, max_tokens=1000)
    bench.model.will(says())

    assert "could not summarise the earlier turns; send /new" in str(cut(bench, message_id="b"))
    assert bench.record.summary is None
