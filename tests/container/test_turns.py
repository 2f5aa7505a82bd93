"""Turns: order within a session, sessions side by side, and one response for each turn however it ends."""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from agent_runner.calls import Calls
from agent_runner.channel import Outgoing
from agent_runner.engines import Host, Task, TurnCancelled, TurnCut
from agent_runner.host import TurnHost
from agent_runner.turn import Turn
from agent_runner.turns import Response, Turns
from openclaw.errors import OpenClawError
from openclaw.message import Message, Record
from tests.support.agent_host import unused_host

TIMEOUT = 10.0


class GatedEngine:
    """Answers each message when the test opens its gate; "boom" and "refuse" fail at once."""

    def __init__(self) -> None:
        self.gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    def answer(self, task: Task, host: Host) -> str:
        message = task.message
        if message.text == "boom":
            raise ValueError("a bug")
        if message.text == "refuse":
            raise OpenClawError("the model is away: try again")
        if message.text == "until cancelled":
            assert task.cancel.wait(TIMEOUT)
        elif message.text != "at once":
            assert self.gates[message.id].wait(TIMEOUT)
        return f"answer to {message.id}"


class Ears:
    """Records what the turns tell, in order; `queue.get` waits for it."""

    def __init__(self) -> None:
        self.started: queue.Queue[str] = queue.Queue()
        self.responses: queue.Queue[tuple[str, Response]] = queue.Queue()

    def on_response(self, turn_id: str, body: Response) -> None:
        self.responses.put((turn_id, body))

    def next_started(self) -> str:
        return self.started.get(timeout=TIMEOUT)

    def next_response(self) -> tuple[str, Response]:
        return self.responses.get(timeout=TIMEOUT)


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def turns(engine: GatedEngine, ears: Ears) -> Turns:
    return Turns(engine, unused_host, ears.started.put, ears.on_response)


def turn(turn_id: str, session: str = "default", text: str = "gated") -> Turn:
    return Turn(Task(Message(text, id=turn_id, session=session)))


def test_the_turns_of_one_session_run_in_order(turns: Turns, engine: GatedEngine, ears: Ears) -> None:
    for turn_id in ("a", "b", "c"):
        turns.submit(turn(turn_id))
    engine.gates["c"].set()
    engine.gates["b"].set()
    assert ears.next_started() == "a"
    assert ears.started.empty()  # b and c could answer at once, and wait for a

    engine.gates["a"].set()

    assert [ears.next_response()[0] for _ in range(3)] == ["a", "b", "c"]


def test_different_sessions_run_side_by_side(turns: Turns, engine: GatedEngine, ears: Ears) -> None:
    turns.submit(turn("a", session="one"))
    turns.submit(turn("b", session="two"))

    assert {ears.next_started(), ears.next_started()} == {"a", "b"}
    assert turns.count == 2

    engine.gates["b"].set()
    turn_id, body = ears.next_response()
    assert (turn_id, body["status"], body["text"]) == ("b", "done", "answer to b")
    engine.gates["a"].set()
    assert ears.next_response()[0] == "a"


def test_more_sessions_than_workers_are_all_answered(engine: GatedEngine, ears: Ears) -> None:
    turns = Turns(engine, unused_host, ears.started.put, ears.on_response, max_workers=2)
    ids = [f"t{number}" for number in range(20)]
    for turn_id in ids:
        turns.submit(turn(turn_id, session=turn_id, text="at once"))

    assert sorted(ears.next_response()[0] for _ in ids) == sorted(ids)


def test_a_cancelled_turn_that_waits_is_answered_before_the_one_that_runs(
    turns: Turns, engine: GatedEngine, ears: Ears
) -> None:
    for turn_id in ("a", "b", "c"):
        turns.submit(turn(turn_id))
    ears.next_started()

    turns.cancel("b")

    assert ears.next_response() == ("b", {"status": "cancelled", "text": "", "agent_ms": 0})
    engine.gates["a"].set()
    engine.gates["c"].set()
    assert [ears.next_response()[0] for _ in range(2)] == ["a", "c"]
    assert ears.next_started() == "c"


def test_a_cancelled_turn_that_runs_ends_cancelled(turns: Turns, ears: Ears) -> None:
    turns.submit(turn("a", text="until cancelled"))
    ears.next_started()

    turns.cancel("a")

    turn_id, body = ears.next_response()
    assert (turn_id, body["status"], body["text"]) == ("a", "cancelled", "")


def test_a_cancel_for_an_unknown_id_is_nothing(turns: Turns, ears: Ears) -> None:
    turns.cancel("nobody")
    turns.withdraw("nobody")

    assert turns.count == 0
    assert ears.responses.empty()


def test_a_withdrawn_turn_gets_no_response_and_frees_its_session(turns: Turns, ears: Ears) -> None:
    turns.submit(turn("a", text="until cancelled"))
    turns.submit(turn("b", text="at once"))
    turns.submit(turn("c", text="at once"))
    ears.next_started()

    turns.withdraw("b")
    turns.withdraw("a")

    assert ears.next_response()[0] == "c"
    assert ears.responses.empty()


def test_an_engine_that_fails_costs_one_turn(turns: Turns, ears: Ears, caplog: pytest.LogCaptureFixture) -> None:
    turns.submit(turn("a", text="boom"))
    turns.submit(turn("b", text="refuse"))
    turns.submit(turn("c", text="at once"))

    assert "ValueError: a bug" in ears.next_response()[1]["error"]
    assert ears.next_response()[1]["error"] == "the model is away: try again"
    assert ears.next_response()[1]["status"] == "done"
    assert "Traceback" in caplog.text


class RecordingEngine:
    """Leaves something to the session, and ends as the message says."""

    def answer(self, task: Task, host: Host) -> str:
        host.record(Record([{"role": "user", "content": "first"}]))
        host.record(Record([{"role": "user", "content": task.message.text}], tokens=7))
        if task.message.text == "cut":
            raise TurnCut("the model is away", "so far")
        if task.message.text == "cancelled":
            task.cancel.set()
        if task.message.text == "cut off":
            task.cancel.set()
            raise TurnCancelled("so far")
        return "done"


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("well", "done", "done"),
        ("cut", "failed", "so far"),
        ("cancelled", "cancelled", ""),
        ("cut off", "cancelled", "so far"),
    ],
)
def test_what_a_turn_leaves_to_its_session_is_told_however_it_ends(
    ears: Ears, text: str, status: str, said: str
) -> None:
    Turns(RecordingEngine(), unused_host, ears.started.put, ears.on_response).submit(turn("a", text=text))

    body = ears.next_response()[1]
    assert (body["status"], body["text"]) == (status, said)
    assert body["record"] == {"messages": [{"role": "user", "content": text}], "tokens": 7}


def test_a_turn_that_is_over_tells_no_more_events(ears: Ears, tmp_path: Path) -> None:
    hosts: list[Host] = []

    class TellingEngine:
        def answer(self, task: Task, host: Host) -> str:
            hosts.append(host)
            host.delta("before")
            return ""

    outgoing = Outgoing(tmp_path)
    turns = Turns(
        TellingEngine(),
        lambda turn: TurnHost(turn, Calls(outgoing.call), outgoing.open_events),
        ears.started.put,
        ears.on_response,
    )
    turns.submit(turn("a"))
    ears.next_response()
    hosts[0].delta("after")

    assert (tmp_path / "a.events.jsonl").read_bytes() == b'{"kind":"delta","text":"before"}\n'


def test_a_response_that_cannot_be_written_costs_one_turn(
    engine: GatedEngine, ears: Ears, caplog: pytest.LogCaptureFixture
) -> None:
    def on_response(turn_id: str, body: Response) -> None:
        if turn_id == "a":
            raise OSError(errno.EIO, "Input/output error")
        ears.on_response(turn_id, body)

    turns = Turns(engine, unused_host, ears.started.put, on_response)
    turns.submit(turn("a", text="at once"))
    turns.submit(turn("b", text="at once"))

    assert ears.next_response()[0] == "b"
    assert "Input/output error" in caplog.text
    assert turns.count == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_a_disk_that_takes_nothing_for_now_is_waited_for_with_both_frames_of_a_turn(
    engine: GatedEngine, ears: Ears, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr("agent_runner.turns.DISK_RETRY", 0.01)
    refusals = [OSError(code, os.strerror(code)) for _ in range(3)]

    def on_started(turn_id: str) -> None:
        if len(refusals) > 1:
            raise refusals.pop()
        ears.started.put(turn_id)

    def on_response(turn_id: str, body: Response) -> None:
        if refusals:
            raise refusals.pop()
        ears.on_response(turn_id, body)

    Turns(engine, unused_host, on_started, on_response).submit(turn("a", text="at once"))

    assert ears.next_started() == "a"
    assert ears.next_response()[1]["text"] == "answer to a"
    assert not refusals


def test_a_turn_that_is_withdrawn_waits_for_no_disk(engine: GatedEngine, ears: Ears) -> None:
    refused = threading.Event()

    def on_started(turn_id: str) -> None:
        refused.set()
        if turn_id == "a":
            raise OSError(errno.ENOSPC, "No space left on device")

    turns = Turns(engine, unused_host, on_started, ears.on_response)
    turns.submit(turn("a", text="at once"))
    turns.submit(turn("b", text="at once"))
    assert refused.wait(TIMEOUT)
    turns.withdraw("a")

    assert ears.next_response()[0] == "b"


def test_what_is_held_has_a_bound_and_room_is_told_once(engine: GatedEngine, ears: Ears) -> None:
    turns = Turns(engine, unused_host, ears.started.put, ears.on_response, max_held=4)
    room = threading.Semaphore(0)
    ids = ["a", "b", "c", "d"]
    assert all(turns.submit(turn(turn_id)) for turn_id in ids)

    assert not turns.submit(turn("e"))
    turns.when_room(room.release)
    assert not room.acquire(blocking=False)
    for turn_id in ids:
        engine.gates[turn_id].set()

    assert room.acquire(timeout=TIMEOUT)
    assert turns.submit(turn("e", text="at once"))
    assert [ears.next_response()[0] for _ in range(5)] == [*ids, "e"]
    assert not room.acquire(blocking=False)


def test_room_that_is_there_is_told_at_once(turns: Turns) -> None:
    room = threading.Event()

    turns.when_room(room.set)

    assert room.is_set()


def test_a_thread_that_cannot_be_started_costs_one_turn(
    turns: Turns, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        turns.submit(turn("a", text="at once"))
    turns.submit(turn("b", text="at once"))

    turn_id, body = ears.next_response()
    assert (turn_id, body["status"]) == ("a", "failed")
    assert "can start no thread" in body["error"]
    assert ears.next_response()[0] == "b"
