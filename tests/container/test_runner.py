"""The persistent runner as the host sees it: frames in, frames out, pongs whatever happens, an end when told to."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers.channel import Channels
from openclaw.containers.event_tail import Event
from openclaw.message import Frame
from openclaw.spool import Watcher
from tests.support.file_events import FileEvents
from tests.support.runner import TIMEOUT, RunnerProcess, run_once

AN_HOUR = {"OPENCLAW_OFFLINE_LATENCY_MS": "3600000"}


def test_a_request_gets_a_started_frame_and_a_response(runner: RunnerProcess) -> None:
    runner.start(ASSISTANT_NAME="Rex")
    runner.ask("a", "hello")

    response = runner.wait("response", "a")

    assert runner.wait("started", "a") == {}
    assert response["status"] == "done"
    assert response["text"].startswith("Hello, I am Rex.")
    assert "offline engine" in response["text"]
    assert response["agent_ms"] >= 0
    assert "error" not in response


def test_requests_that_lay_there_before_the_start_are_answered(runner: RunnerProcess) -> None:
    runner.ask("first")
    runner.ask("second")
    runner.start()

    assert runner.wait("response", "second")["status"] == "done"
    assert runner.wait("response", "first")["status"] == "done"


def test_a_second_attempt_is_said_in_the_answer(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", attempt=2)

    assert runner.wait("response", "a")["text"].startswith("(Attempt 2")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"{}", 'needs "message"'),
        (b'{"message": {"session": "s"}}', 'needs "text"'),
        (b'{"message": {"text": "x"}, "attempt": 0}', '"attempt"'),
    ],
)
def test_a_malformed_request_gets_a_response_that_says_why(runner: RunnerProcess, data: bytes, reason: str) -> None:
    runner.start()
    runner.inbox.place("a.request.json", data)

    response = runner.wait("response", "a")

    assert response["status"] == "failed"
    assert reason in response["error"]


def test_a_request_that_is_looked_at_again_is_not_run_again(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a")
    runner.wait("response", "a")
    runner.outbox.remove("a.response.json")

    with (runner.inbox.path / "a.request.json").open("ab"):
        pass  # the end of a write is an event, whatever was written
    runner.has_seen_everything()

    assert not runner.outbox.exists("a.response.json")


def test_an_id_that_was_deleted_may_come_again(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", "hello")
    runner.wait("response", "a")
    runner.outbox.remove("a.response.json")
    runner.inbox.remove("a.request.json")
    runner.has_seen_everything()

    runner.ask("a", "2 + 2")

    assert runner.wait("response", "a")["text"].startswith("2 + 2 = 4")


def test_a_turn_that_hangs_delays_no_pong(runner: RunnerProcess) -> None:
    runner.start(**AN_HOUR)
    runner.ask("hung")
    runner.wait("started", "hung")
    runner.send("ping", "p")

    pong = runner.wait("pong", "p")

    assert pong["turns"] == 1
    assert pong["rss_kb"] > 0


def test_a_cancelled_turn_ends_with_a_response(runner: RunnerProcess) -> None:
    runner.start(**AN_HOUR)
    runner.ask("a")
    runner.wait("started", "a")
    runner.send("cancel", "a")

    assert runner.wait("response", "a")["status"] == "cancelled"


def test_a_cancel_that_lies_there_before_its_request_counts(runner: RunnerProcess) -> None:
    runner.send("cancel", "a")
    runner.ask("a")
    runner.start(**AN_HOUR)

    assert runner.wait("response", "a")["status"] == "cancelled"


def test_a_request_that_is_deleted_ends_its_turn_without_a_response(runner: RunnerProcess) -> None:
    runner.start(**AN_HOUR)
    runner.ask("a", session="one")
    runner.wait("started", "a")
    runner.inbox.remove("a.request.json")
    runner.ask("b", session="one")  # runs once the session is free

    runner.wait("started", "b")

    assert not runner.outbox.exists("a.response.json")


def test_a_turn_asks_its_host_and_answers_with_what_it_says(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", "Please run the tests")

    call = runner.wait("call", "a", 1)
    runner.send("result", "a", {"value": {"id": "a.s1", "status": "queued", "place": 2}}, 1)

    assert call == {"tool": "spawn_subagent", "arguments": {"task": "Please run the tests", "reason": "code execution"}}
    assert "(a.s1, queued at place 2): code execution." in runner.wait("response", "a")["text"]


def test_what_the_host_refuses_is_said(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", "/spawn /ls")
    runner.wait("call", "a", 1)
    runner.send("result", "a", {"error": "100 run already"}, 1)

    response = runner.wait("response", "a")

    assert (response["status"], response["text"]) == ("done", "The host refused: 100 run already")


def test_a_result_that_cannot_be_read_is_said(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", "/spawn /ls")
    runner.wait("call", "a", 1)
    runner.inbox.place("a.1.result.json", b"{")

    assert "the host's result is malformed: not valid JSON" in runner.wait("response", "a")["text"]


def test_calls_of_one_turn_are_under_way_together(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", "/spawn 2 /ls")
    runner.wait("call", "a", 1)
    runner.wait("call", "a", 2)
    runner.send("result", "a", {"value": {"id": "a.s2", "status": "started"}}, 2)
    runner.send("result", "a", {"value": {"id": "a.s1", "status": "started"}}, 1)

    assert "2 subagents (2 started, 0 queued)" in runner.wait("response", "a")["text"]


def test_a_turn_that_waits_for_its_host_is_cancelled_at_once(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("a", "/spawn 3 /ls")
    runner.wait("call", "a", 3)
    runner.send("cancel", "a")

    assert runner.wait("response", "a")["status"] == "cancelled"


def test_a_result_that_comes_for_nobody_is_let_be(runner: RunnerProcess) -> None:
    runner.start()
    runner.send("result", "gone", {"value": {}}, 1)
    runner.ask("a", "/spawn /ls")
    runner.wait("call", "a", 1)
    runner.send("result", "a", {"value": {}}, 7)
    runner.send("result", "a", {"value": {"id": "a.s1", "status": "started"}}, 1)

    assert "a.s1" in runner.wait("response", "a")["text"]


def test_a_subagent_does_the_work_itself(runner: RunnerProcess) -> None:
    runner.start(OPENCLAW_ROLE="standby")
    runner.ask("a.s1", "/run echo hi", task={"reason": "code execution"})

    assert runner.wait("response", "a.s1")["text"] == "hi\n(exit code 0)"


def test_a_cancel_ends_what_a_turn_runs(runner: RunnerProcess) -> None:
    told = runner.path / "told"
    runner.start(OPENCLAW_ROLE="dedicated")
    with closing(FileEvents(runner.path)) as events:
        runner.ask("a", f"/run echo $$ > {told}.new; mv {told}.new {told}; sleep 1000")
        events.until(told.exists, TIMEOUT)
    shell = told.read_text().strip()
    assert Path("/proc", shell).exists()
    runner.send("cancel", "a")

    assert runner.wait("response", "a")["status"] == "cancelled"
    assert not Path("/proc", shell).exists()


def test_results_of_subagents_are_told_with_the_next_answer(runner: RunnerProcess) -> None:
    runner.start()
    runner.ask("b", "hello", results=[{"id": "a.s1", "status": "done", "text": "42"}])

    assert runner.wait("response", "b")["text"].startswith("Subagent a.s1 finished (done): 42\n\nHello")


def test_what_happens_in_a_turn_is_read_by_the_host_before_its_response(runner: RunnerProcess) -> None:
    order: list[object] = []
    over = threading.Event()

    def on_frame(frame: Frame) -> None:
        order.append(frame.kind)
        if frame.kind == "response":
            over.set()

    runner.start()
    with closing(Watcher()) as watcher:
        watcher.start()
        channel = Channels(runner.path.parent, watcher).open(runner.path.name)
        with closing(channel):
            channel.listen(on_frame, lambda turn_id, events: order.extend(events), order.append)
            channel.send("request", "a", {"message": {"text": "/delta one two"}, "attempt": 1, "timeout_ms": 60_000})
            assert over.wait(TIMEOUT)

    assert order == [
        "started",
        Event(1, {"kind": "delta", "text": "one "}),
        Event(2, {"kind": "delta", "text": "two"}),
        "response",
    ]


def test_files_that_are_no_frames_are_left_alone(runner: RunnerProcess) -> None:
    runner.inbox.place("note.txt", b"x")
    runner.inbox.place("a.reply.json", b"{}")
    runner.start()
    runner.has_seen_everything()

    assert runner.outbox.names() == ["seen.pong.json"]


def test_sigterm_ends_it(runner: RunnerProcess) -> None:
    process = runner.start(**AN_HOUR)
    runner.ask("hung")
    runner.wait("started", "hung")

    process.terminate()

    assert process.wait(TIMEOUT) == 0


def test_sigterm_ends_it_although_turns_wait_for_the_host(runner: RunnerProcess) -> None:
    process = runner.start()
    runner.ask("a", "/spawn 20 /ls")
    runner.wait("call", "a", 1)
    runner.wait("call", "a", 2)

    process.terminate()

    assert process.wait(TIMEOUT) == 0


def test_the_end_of_stdin_ends_it_where_asked(runner: RunnerProcess) -> None:
    process = runner.start("--until-eof")
    runner.has_seen_everything()
    assert process.poll() is None
    assert process.stdin is not None

    process.stdin.close()

    assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("setting", [{"OPENCLAW_ENGINE": "mystery"}, {"OPENCLAW_OFFLINE_LATENCY_MS": "soon"}])
def test_a_setting_that_makes_no_sense_is_named(setting: dict[str, str]) -> None:
    done = run_once(b"{}", **setting)

    assert done.returncode == 2
    assert next(iter(setting)) in done.stderr.decode()


def test_a_channel_that_cannot_be_used_is_said_and_ends_it() -> None:
    done = run_once(b"", "--channel", "/proc/nowhere")

    assert done.returncode == 1
    assert "/proc/nowhere" in done.stderr.decode()


def test_a_channel_that_the_host_has_taken_away_is_not_made_again(tmp_path: Path) -> None:
    ended = run_once(b"", "--channel", str(tmp_path / "gone"), "--until-eof")

    assert (ended.returncode, b"No such file or directory" in ended.stderr) == (1, True)
    assert not (tmp_path / "gone").exists()
