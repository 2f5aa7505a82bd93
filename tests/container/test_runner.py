"""The persistent runner as the host sees it: frames in, frames out, pongs whatever happens, an end when told to."""

from __future__ import annotations

import pytest

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
