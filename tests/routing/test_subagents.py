"""What an agent may have done for it: who may ask, what is answered and when, and what a restart finds."""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.turn import Answer as TurnAnswer
from openclaw.agents.turn import Turn
from openclaw.errors import MountRefused, UnknownAgent
from openclaw.message import Frame, Message
from openclaw.routing import subagents as module
from openclaw.routing.agent_calls import AgentCalls
from openclaw.routing.ledger import Ledger
from openclaw.routing.reservations import Reservations
from openclaw.routing.subagents import WAIT_MARGIN, Subagents
from openclaw.spool import Committer, DropDir
from tests.support.bare_attachment import bare_attachment
from tests.support.clock import FakeClock, ManualTimers

TURN_LIMIT = 300.0


class Family:
    """Subagents over real directories. Turns that are handed over are in `runs`, answers to calls in `answers`."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root = root
        self.clock = FakeClock()
        self.alarms = ManualTimers(self.clock)
        self.committer = Committer(sync=False)
        self.committer.start()
        stack.callback(self.committer.close)
        work = stack.enter_context(closing(DropDir(root / "work")))
        outbox = stack.enter_context(closing(DropDir(root / "outbox")))
        self.ledger = Ledger(work, outbox, self.committer, self.clock)
        self.runs: queue.Queue[Turn] = queue.Queue()
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.told: queue.Queue[tuple[str, str, str]] = queue.Queue()
        self.cancelled: list[str] = []
        self.agents = ["reviewer"]
        self.checked_on: queue.Queue[threading.Thread] = queue.Queue()
        self.server_answers = threading.Event()
        stack.callback(self.server_answers.set)
        self.begin()

    def begin(self, at_once: int = 100) -> None:
        """As a process does at its start."""
        self.reservations = Reservations(self.ledger, self.clock, admit=lambda _: None, limit=100)
        self.subagents = Subagents(
            self.reservations, self.ledger, self.clock, self.alarms,
            run=self.runs.put, cancel=self._cancel,
            told=lambda parent, record: self.told.put((parent, record["id"], record["status"])),
            find_agent=self._find_agent, check_paths=self._check_paths, turn_limit=TURN_LIMIT, at_once=at_once,
        )  # fmt: skip

    def _check_paths(self, group: str, paths: Sequence[str]) -> None:
        assert group == "main"
        self.checked_on.put(threading.current_thread())
        if "/etc" in paths:
            raise MountRefused("/etc cannot be mounted")
        if "/full" in paths:
            raise OSError(errno.EMFILE, "Too many open files")
        if "/dead" in paths:
            assert self.server_answers.wait(30)

    def _find_agent(self, group: str, name: str) -> None:
        if name not in self.agents:
            raise UnknownAgent(f"there is no agent {name!r} in {group}; there are: {', '.join(self.agents)}")

    def _cancel(self, message_id: str) -> bool:
        self.cancelled.append(message_id)
        return True

    def turn(self, turn_id: str = "a", cid: str = "c1", **message: str) -> Turn:
        turn = Turn(Message("hello", id=turn_id, **message), 1, self.clock.monotonic(), self.clock.time())  # type: ignore[arg-type]  # priority is not among them
        turn.begun = self.clock.monotonic()
        turn.attachment = bare_attachment(cid)
        return turn

    def call(self, turn: Turn, tool: str, number: int = 1, **arguments: Any) -> None:
        frame = Frame("call", turn.id, {"tool": tool, "arguments": arguments}, number)
        AgentCalls(self.subagents.tools).called(turn, frame, self.answers.put)

    def answer(self) -> dict[str, Any]:
        return self.answers.get(timeout=10)

    def spawned(self, turn: Turn, number: int = 1, place: int = 0, **arguments: Any) -> Turn:
        """Have a subagent spawned and placed; its turn."""
        self.call(turn, "spawn_subagent", number, **{"task": "work", **arguments})
        child = self.runs.get(timeout=10)
        child.is_placed(place)
        return child

    def finish(self, child: Turn, text: str = "found") -> None:
        reply = child.reply(TurnAnswer("done", text), self.clock.monotonic())
        self.ledger.store_reply(child, reply).result(10)
        self.subagents.finished(child, reply.to_json())
        self.ledger.settle(child)
        self.reservations.settled(child)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    with ExitStack() as stack:
        yield Family(tmp_path, stack)


# Spawn


def test_a_subagent_is_durable_before_it_is_handed_over(family: Family) -> None:
    child = family.spawned(family.turn(session="s"), task="count", context="here", priority="high", reason="long")
    assert (family.root / "work" / "a.s1.json").exists()
    assert child.message == Message("count", "a.s1", "main", "s", priority="high")
    assert child.task == {"context": "here", "reason": "long"}
    assert child.lane == ("main", "a.s1")


def test_the_answer_says_that_it_started_or_where_it_waits(family: Family) -> None:
    turn = family.turn()
    family.spawned(turn, 1, place=0)
    assert family.answer() == {"value": {"id": "a.s1", "status": "started"}}
    family.spawned(turn, 2, place=7)
    assert family.answer() == {"value": {"id": "a.s2", "status": "queued", "place": 7}}
    assert turn.subagents == ["a.s1", "a.s2"]


def test_one_that_is_over_before_the_agents_have_placed_it_is_answered_too(family: Family) -> None:
    """It was cancelled on its way: else its call would be open until the turn's time is over."""
    family.call(family.turn(), "spawn_subagent", task="work")
    family.finish(family.runs.get(timeout=10))
    assert family.answer() == {"value": {"id": "a.s1", "status": "started"}}


def test_nothing_is_answered_before_the_agents_have_placed_it(family: Family) -> None:
    family.call(family.turn(), "spawn_subagent", task="work")
    child = family.runs.get(timeout=10)
    assert family.answers.empty()
    child.is_placed(0)
    assert family.answer()["value"]["status"] == "started"


def test_it_is_an_agent_that_there_is(family: Family) -> None:
    child = family.spawned(family.turn(), agent="reviewer")
    assert child.task == {"agent": "reviewer"}
    family.answer()

    family.call(family.turn("b"), "spawn_subagent", task="work", agent="painter")
    assert family.answer() == {"error": "there is no agent 'painter' in main; there are: reviewer"}
    assert family.runs.empty()


def test_an_agent_that_is_gone_by_now_is_still_the_one_of_its_call(family: Family) -> None:
    turn = family.turn()
    child = family.spawned(turn, agent="reviewer")
    family.agents.clear()
    family.call(turn, "spawn_subagent", task="work", agent="reviewer")
    assert [family.answer()["value"]["id"] for _ in range(2)] == [child.id] * 2


def test_one_that_cannot_be_given_a_container_is_told_to_who_asked(family: Family) -> None:
    family.call(family.turn(), "spawn_subagent", task="work", paths=["/srv"])
    family.runs.get(timeout=10).is_refused(ValueError("/srv cannot be mounted"))
    assert family.answer() == {"error": "/srv cannot be mounted"}


def test_one_whose_paths_are_not_given_is_refused_before_anything_is_made(family: Family) -> None:
    turn = family.turn()
    family.call(turn, "spawn_subagent", task="work", paths=["/etc"])
    assert family.answer() == {"error": "/etc cannot be mounted"}
    assert family.runs.empty()
    assert turn.subagents == []


def test_paths_that_cannot_be_looked_at_are_told_to_who_asked(family: Family) -> None:
    turn = family.turn()
    family.call(turn, "spawn_subagent", task="work", paths=["/full"])
    assert family.answer() == {"error": "the paths cannot be looked at: Too many open files; try again"}
    assert family.runs.empty()
    assert turn.subagents == []


def test_a_path_on_a_server_that_does_not_answer_holds_up_nobody_else(family: Family) -> None:
    turn = family.turn()
    family.call(turn, "spawn_subagent", 1, task="slow", paths=["/dead"])
    assert family.checked_on.get(timeout=10) is not threading.current_thread()
    assert family.spawned(turn, 2).id == "a.s1"
    assert family.answer()["value"]["id"] == "a.s1"
    assert family.spawned(turn, 3, paths=["/srv"]).id == "a.s2"
    assert family.answer()["value"]["id"] == "a.s2"

    family.server_answers.set()
    family.runs.get(timeout=10).is_placed(0)
    assert family.answer() == {"value": {"id": "a.s3", "status": "started"}}


def test_a_call_heard_twice_while_its_paths_are_looked_at_is_one_subagent(family: Family) -> None:
    turn = family.turn()
    for _ in range(2):
        family.call(turn, "spawn_subagent", 1, task="slow", paths=["/dead"])
    family.server_answers.set()
    family.runs.get(timeout=10).is_placed(0)
    assert [family.answer()["value"]["id"] for _ in range(2)] == ["a.s1"] * 2
    assert family.runs.empty()


@pytest.mark.parametrize("ended", ["cancelled", "answered"])
def test_a_message_that_is_over_when_the_paths_are_looked_at_gets_no_more(family: Family, ended: str) -> None:
    turn = family.turn()
    family.call(turn, "spawn_subagent", task="slow", paths=["/dead"])
    worker = family.checked_on.get(timeout=10)
    turn.cancelled = ended == "cancelled"
    family.subagents.finished(turn, {"status": "done"})
    family.server_answers.set()
    worker.join(30)
    assert "nothing more is started for it" in family.answer()["error"]
    assert family.runs.empty()
    assert turn.subagents == []
    assert family.subagents._families == {}


def test_the_decision_is_in_the_log(family: Family, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    family.spawned(family.turn(), reason="code execution")
    for line in (
        "Main agent decision: spawn_subagent [a]", "Reason: code execution [a.s1]",
        "Main agent spawned subagent for complex operation [a.s1]",
    ):  # fmt: skip
        assert line in caplog.messages


def test_the_same_call_heard_twice_is_one_subagent(family: Family) -> None:
    turn = family.turn()
    family.spawned(turn, 4)
    family.call(turn, "spawn_subagent", 4, task="work")
    assert [family.answer()["value"]["id"] for _ in range(2)] == ["a.s1", "a.s1"]
    assert family.runs.empty()


def test_the_second_attempt_in_another_container_asks_anew(family: Family) -> None:
    family.spawned(family.turn(cid="c1"))
    assert family.spawned(family.turn(cid="c2")).id == "a.s2"


def test_a_disk_that_does_not_take_it_is_said_and_nothing_runs(family: Family) -> None:
    (family.root / "work" / "a.s1.json").write_text("in the way")
    turn = family.turn()
    family.call(turn, "spawn_subagent", task="work")
    assert "nothing was started" in family.answer()["error"]
    assert family.runs.empty()
    assert turn.subagents == family.subagents.live_of("a") == []
    assert family.subagents.status() == []


@pytest.mark.parametrize(
    ("turn_id", "group", "word"), [("a.s1", "main", "works alone"), ("a", "friends", "may not spawn")]
)
@pytest.mark.parametrize("tool", ["spawn_subagent", "cancel_subagent", "list_subagents", "get_subagent"])
def test_subagents_and_other_groups_may_not_ask(
    family: Family, turn_id: str, group: str, word: str, tool: str
) -> None:
    family.call(family.turn(turn_id, group=group), tool, task="work")
    assert word in family.answer()["error"]


def test_a_cancelled_message_gets_no_more(family: Family) -> None:
    turn = family.turn()
    turn.cancelled = True
    family.call(turn, "spawn_subagent", task="work")
    assert "cancelled" in family.answer()["error"]


def test_a_message_cancelled_while_its_subagent_is_stored_cancels_that_too(family: Family) -> None:
    turn = family.turn()
    family.call(turn, "spawn_subagent", task="work")
    turn.cancelled = True
    family.runs.get(timeout=10).is_placed(0)
    family.answer()
    family.committer.close()  # what it does after handing over is done
    assert family.cancelled in ([], ["a.s1"])  # depending on which came first


def test_where_none_may_run_none_is_taken(family: Family) -> None:
    family.begin(at_once=0)
    turn = family.turn()
    family.call(turn, "spawn_subagent", task="work")
    assert "MAX_SUBAGENTS=0" in family.answer()["error"]
    assert family.runs.empty()
    assert turn.subagents == []


def test_there_is_a_limit_and_it_is_said(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LIVE_SUBAGENTS", 2)
    turn = family.turn()
    first = family.spawned(turn, 1)
    family.spawned(turn, 2)
    family.answer()
    family.answer()
    family.call(turn, "spawn_subagent", 3, task="work")
    assert "2 subagents run or wait already" in family.answer()["error"]
    family.finish(first)
    assert family.spawned(turn, 4).id == "a.s3"


# Wait


def test_a_call_that_waits_gets_the_reply(family: Family) -> None:
    child = family.spawned(family.turn(), wait=True)
    assert family.answers.empty()
    family.finish(child)
    assert family.answer()["value"]["text"] == "found"
    assert family.alarms.delays() == []


def test_a_call_that_waits_returns_shortly_before_the_turns_time_is_over(family: Family) -> None:
    child = family.spawned(family.turn(), wait=True)
    family.alarms.wait_set(TURN_LIMIT - WAIT_MARGIN)
    family.alarms.advance(TURN_LIMIT - WAIT_MARGIN)
    assert family.answer() == {"value": {"id": "a.s1", "status": "running"}}
    family.finish(child)
    assert family.answers.empty()


def test_a_reply_that_is_too_long_for_a_frame_is_cut(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 10)
    child = family.spawned(family.turn(), wait=True)
    family.finish(child, "x" * 11)
    assert family.answer()["value"]["text"] == "xxxxxxxxxx… (11 characters in all)"


# The other tools


def test_those_that_run_or_wait_are_listed(family: Family) -> None:
    turn = family.turn()
    child = family.spawned(turn, 1, task="t" * 300)
    family.answer()
    family.call(turn, "list_subagents", 2)
    (entry,) = family.answer()["value"]["subagents"]
    assert (entry["id"], entry["status"], entry["task"]) == ("a.s1", "queued", "t" * 200 + "…")
    family.finish(child)
    family.call(turn, "list_subagents", 3)
    assert family.answer() == {"value": {"subagents": []}}


def test_one_is_shown_while_it_runs_and_when_it_has_its_reply(family: Family) -> None:
    turn = family.turn()
    child = family.spawned(turn)
    family.answer()
    child.begun = family.clock.monotonic()
    family.call(turn, "get_subagent", 2, id="a.s1")
    assert family.answer()["value"]["status"] == "running"
    family.finish(child)
    family.call(turn, "get_subagent", 3, id="a.s1")
    assert family.answer()["value"]["text"] == "found"


def test_one_is_cancelled(family: Family) -> None:
    turn = family.turn()
    family.spawned(turn)
    family.answer()
    family.call(turn, "cancel_subagent", 2, id="a.s1")
    assert family.answer() == {"value": {"id": "a.s1", "status": "cancelling"}}
    assert family.cancelled == ["a.s1"]


@pytest.mark.parametrize("tool", ["get_subagent", "cancel_subagent"])
def test_one_that_is_not_there_is_said(family: Family, tool: str) -> None:
    family.call(family.turn(), tool, id="b.s1")
    assert "'b.s1'" in family.answer()["error"]


def test_a_message_is_not_shown_as_a_subagent_of_another_group(family: Family) -> None:
    stranger = Turn(Message("secret", id="b.s1", group="friends"), 1, 0.0, 0.0)
    family.ledger.store_reply(stranger, stranger.reply(TurnAnswer("done", "secret"), 0.0)).result(10)
    family.call(family.turn(), "get_subagent", id="b.s1")
    assert "secret" not in str(family.answer())


# What others are told, and what is forgotten


def test_the_messages_events_tell_what_becomes_of_its_subagents(family: Family) -> None:
    child = family.spawned(family.turn())
    family.finish(child)
    assert family.told.get(timeout=10) == ("a", "a.s1", "queued")
    assert family.told.get(timeout=10) == ("a", "a.s1", "done")


def test_a_family_is_forgotten_when_the_message_and_the_last_subagent_are_answered(family: Family) -> None:
    turn = family.turn()
    child = family.spawned(turn)
    assert family.subagents.live_of("a") == ["a.s1"]
    family.subagents.finished(turn, {"status": "done"})
    assert family.subagents.live_of("a") == ["a.s1"]  # the answer does not end what goes on
    family.finish(child)
    assert family.subagents._families == {}


# Restart


def test_a_restart_goes_on_where_the_last_process_was(family: Family) -> None:
    turn = family.turn()
    finished, running = family.spawned(turn, 1), family.spawned(turn, 2)
    family.finish(finished)
    family.answer()
    family.answer()

    family.begin()
    left = family.ledger.load()
    again = family.turn()
    children = [one for one in left.open if one.parent]
    family.reservations.restore([again, *children])
    family.subagents.restore([again], children)

    assert family.subagents.live_of("a") == [running.id]
    assert sorted(again.subagents) == ["a.s1", "a.s2"]
    family.call(again, "spawn_subagent", 1, task="work")  # heard before the death, and not answered
    assert family.answer()["value"]["text"] == "found"
    family.call(again, "spawn_subagent", 2, task="work")
    assert family.answer()["value"]["status"] == "queued"
    assert family.spawned(again, 3).id == "a.s3"


def test_subagents_of_a_message_that_was_answered_before_the_restart_can_still_be_cancelled(family: Family) -> None:
    child = family.spawned(family.turn())
    family.begin()
    family.subagents.restore([], [child])
    assert family.subagents.live_of("a") == ["a.s1"]
    family.finish(child)
    assert family.subagents._families == {}


def test_a_future_that_was_never_placed_fails_with_its_reason() -> None:
    placed: Future[int] = Future()
    placed.set_exception(ValueError("no disk"))
    assert module._placement("a.s1", placed) == {"error": "no disk"}
