"""Main's persistent container: ready when it answers, started again when it crashes, at last given up."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.agents.main_agent import MainAgentManager
from openclaw.agents.main_machine import ENGINE_RETRY, REMOVAL_PATIENCE, START_TIMEOUT
from openclaw.agents.turn import Answer, Loss, Turn
from openclaw.config import load
from openclaw.containers.pace import BYTES_AHEAD
from openclaw.containers.runtime import OUT_OF_MEMORY, Exit
from openclaw.errors import EngineOverdue, ImageMissing, StartFailed
from openclaw.message import FrameKind, Record
from openclaw.message.frames import MAX_EVENT
from tests.agents.conftest import Stage
from tests.support.file_events import FileEvents
from tests.support.runtime import Start


class Main:
    """The manager, and the turns that it handed on to dedicated containers."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.overflow: queue.Queue[Turn] = queue.Queue()
        self.overflow_fails_once = False
        self.manager = MainAgentManager(
            config=stage.config, runtime=stage.runtime, channels=stage.channels, specs=stage.specs,
            clock=stage.clock, alarms=stage.alarms, overflow=self._take_overflow,
            listener=stage.told, ready=lambda: None,
        )  # fmt: skip

    def _take_overflow(self, turn: Turn) -> None:
        if self.overflow_fails_once:
            self.overflow_fails_once = False
            raise ZeroDivisionError("a bug")
        self.overflow.put(turn)

    def come_up(self) -> Start:
        """Let the next start succeed, and its runner answer every ping that lies there."""
        start = self.stage.next_start()
        self.answer_pings(start)
        return start

    def answer_pings(self, start: Start) -> None:
        """The engine has started it, and its runner answers."""
        start.done.set_result(None)
        for ping in (start.spec.channel_path / "in").glob("*.ping.json"):
            self.stage.frame(start, "pong", ping.name.partition(".")[0], {})

    def run(self, turn_id: str, start: Start) -> None:
        """Submit a turn and return when its request is in the channel."""
        inside = start.spec.channel_path / "in"
        with closing(FileEvents(inside)) as events:
            self.manager.submit(self.stage.turn(turn_id))
            events.until((inside / f"{turn_id}.request.json").exists)

    def crash(self, start: Start, code: int = 137) -> None:
        self.manager.exited(Exit(start.spec.cid, code, ""))


@pytest.fixture
def main(stage: Stage) -> Iterator[Main]:
    main = Main(stage)
    main.manager.start()
    with closing(main.manager):
        main.manager.begin()
        yield main


def test_a_turn_waits_for_the_start_and_runs_when_the_runner_answers(stage: Stage, main: Main) -> None:
    turn = stage.turn("a")
    main.manager.submit(turn)
    start = stage.next_start()
    inside = start.spec.channel_path / "in"
    with closing(FileEvents(inside)) as events:
        assert not (inside / "a.request.json").exists()
        main.answer_pings(start)
        events.until((inside / "a.request.json").exists)
    stage.frame(start, "response", "a", {"status": "done", "text": "hi", "agent_ms": 0})
    assert stage.next_end() == (turn, Answer("done", "hi"))
    assert turn.route == "persistent"


def test_a_crash_hands_its_turns_back_and_others_go_to_dedicated_containers(stage: Stage, main: Main) -> None:
    start = main.come_up()
    main.run("a", start)
    main.crash(start)
    assert stage.next_end()[1] == Loss("Main's container ended (exit 137)", begun=False)
    main.manager.submit(stage.turn("b"))
    assert main.overflow.get(timeout=10).id == "b"


def test_a_crash_for_want_of_memory_says_which_limit_that_was(stage: Stage, main: Main) -> None:
    start = main.come_up()
    main.run("a", start)
    main.manager.exited(Exit(start.spec.cid, 137, OUT_OF_MEMORY))
    ended = stage.next_end()[1]
    assert isinstance(ended, Loss)
    assert ended.reason.startswith("Main's container ended (exit 137, it ran out of memory: it has 1024 MiB")
    stage.alarms.wait_set(1)
    assert main.manager.status.reason.startswith("exit 137: it ran out of memory")


def test_three_restarts_then_fallback_and_the_way_back(
    stage: Stage, main: Main, caplog: pytest.LogCaptureFixture
) -> None:
    for delay in (1, 2, 4):
        start = main.come_up()
        main.run("a", start)
        main.crash(start)
        stage.next_end()
        stage.alarms.wait_set(delay)
        stage.alarms.advance(delay)
    start = main.come_up()
    main.run("a", start)
    main.crash(start)
    stage.next_end()
    main.manager.submit(stage.turn("b"))
    assert main.overflow.get(timeout=10).id == "b"
    assert main.manager.status.crashes == 4
    (said,) = [message for message in caplog.messages if "falling back to traditional mode" in message]
    assert said.endswith("it is tried again in 600 s (PERSISTENT_RETRY_AFTER), or at a restart")
    stage.alarms.advance(stage.config.persistent_retry_after)
    main.come_up()


def test_a_turn_over_its_time_limit_is_cancelled_and_fails(stage: Stage, main: Main) -> None:
    start = main.come_up()
    main.run("a", start)
    stage.alarms.wait_set(stage.config.persistent_request_timeout)
    stage.alarms.advance(stage.config.persistent_request_timeout)
    record = {"messages": [{"role": "user", "content": "hello"}]}
    stage.frame(start, "response", "a", {"status": "cancelled", "text": "", "agent_ms": 0, "record": record})
    outcome = stage.next_end()[1]
    assert isinstance(outcome, Answer)
    assert "PERSISTENT_REQUEST_TIMEOUT" in outcome.error
    assert outcome.record == Record.from_json(record)  # what it had done is not forgotten


def test_an_exit_that_is_told_late_is_not_charged_to_the_next_container(stage: Stage, main: Main) -> None:
    """Both bear Main's name: a kill that the engine carries out late, after the name had been cleared for the next."""
    first = main.come_up()
    main.run("a", first)
    main.crash(first)
    stage.next_end()
    stage.alarms.wait_set(1)
    stage.alarms.advance(1)
    second = main.come_up()
    main.run("b", second)

    main.crash(first)

    main.run("c", second)
    assert stage.told.ended_turns.empty()
    assert main.manager.status.crashes == 1


@pytest.mark.parametrize("kind", ["started", "response"])
def test_a_frame_that_is_none_ends_the_container_and_its_turn_is_handed_back(
    stage: Stage, main: Main, kind: str
) -> None:
    start = main.come_up()
    main.run("a", start)
    out = start.spec.channel_path / "out"
    (out / ".hidden").write_bytes(b"what is this")
    (out / ".hidden").rename(out / f"a.{kind}.json")
    assert stage.next_end()[1] == Loss("Main's container ended (exit 137)", begun=True)
    stage.alarms.wait_set(1)


# Starts that do not go well


def test_an_engine_that_takes_its_time_is_no_crash_of_main(stage: Stage, main: Main) -> None:
    """However often, and whether it takes the start in the end or not."""
    main.manager.submit(stage.turn("a"))
    for _ in range(stage.config.persistent_max_restarts + 1):
        start = stage.next_start()
        stage.alarms.advance(2 * START_TIMEOUT)
        start.done.set_exception(EngineOverdue("the engine has not started it within 30 s"))
        stage.alarms.wait_set(ENGINE_RETRY)
        stage.alarms.advance(ENGINE_RETRY)
    start = stage.next_start()
    stage.alarms.advance(2 * START_TIMEOUT)
    inside = start.spec.channel_path / "in"
    with closing(FileEvents(inside)) as events:
        main.answer_pings(start)
        events.until((inside / "a.request.json").exists)

    assert main.manager.status.crashes == 0
    assert stage.runtime.removed.empty(), "what the engine may still bring up is the runtime's to remove"
    assert stage.told.ended_turns.empty()


def test_a_runner_that_does_not_answer_when_it_was_started_is_a_crash(stage: Stage, main: Main) -> None:
    start = stage.next_start()
    start.done.set_result(None)
    stage.alarms.wait_set(START_TIMEOUT)

    stage.alarms.advance(START_TIMEOUT)

    stage.alarms.wait_set(1)
    assert stage.runtime.removed.get(timeout=10) == start.spec.cid
    assert main.manager.status.reason == "exit 137: its runner did not answer within 30 s"


def test_a_start_that_the_engine_refuses_is_a_crash(stage: Stage, main: Main) -> None:
    stage.next_start().done.set_exception(StartFailed("no space left on device"))
    stage.alarms.wait_set(1)
    assert main.manager.status.crashes == 1


def test_an_image_that_is_missing_is_no_crash_and_main_goes_on_when_the_runtime_tells_that_it_is_there(
    stage: Stage, main: Main
) -> None:
    main.manager.submit(stage.turn("a"))
    for _ in range(stage.config.persistent_max_restarts + 2):
        stage.next_start().done.set_exception(ImageMissing("run `make image`"))
        main.manager.engine_up()
    start = stage.next_start()
    inside = start.spec.channel_path / "in"
    with closing(FileEvents(inside)) as events:
        main.answer_pings(start)
        events.until((inside / "a.request.json").exists)

    assert main.manager.status.crashes == 0
    assert ENGINE_RETRY not in stage.alarms.delays()
    assert stage.told.ended_turns.empty()


def test_a_start_that_is_not_confirmed_though_its_runner_answers_hands_its_turns_back(stage: Stage, main: Main) -> None:
    """The engine gave the start up, so that nobody would be told of the container's end: another one is started."""
    start = stage.next_start()
    for ping in (start.spec.channel_path / "in").glob("*.ping.json"):
        stage.frame(start, "pong", ping.name.partition(".")[0], {})
    main.run("a", start)

    start.done.set_exception(EngineOverdue("the engine has not started it within 30 s"))

    assert stage.next_end()[1] == Loss("the engine did not confirm the start of Main's container", begun=False)
    stage.alarms.wait_set(ENGINE_RETRY)
    stage.alarms.advance(ENGINE_RETRY)
    main.run("b", main.come_up())
    assert main.manager.status.crashes == 0


# Bugs: an event that cannot be handled


@pytest.mark.parametrize(("what", "kind"), [("begun", "started"), ("called", "call"), ("ended", "response")])
def test_a_frame_that_cannot_be_handled_fails_its_turn_and_no_other(
    stage: Stage, main: Main, what: str, kind: FrameKind
) -> None:
    start = main.come_up()
    main.run("a", start)
    main.run("b", start)
    stage.told.fails_once.add(what)

    body: dict[str, object] = {"status": "done", "text": "hi", "agent_ms": 0} if kind == "response" else {}
    stage.frame(start, kind, "a", body, number=1 if kind == "call" else 0)

    turn, outcome = stage.next_end()
    assert (turn.id, outcome) == ("a", Answer.bug())
    stage.frame(start, "response", "b", {"status": "done", "text": "hi", "agent_ms": 0})
    turn, outcome = stage.next_end()
    assert (turn.id, outcome) == ("b", Answer("done", "hi"))
    assert main.manager.status.crashes == 0


def test_an_end_that_cannot_be_told_costs_the_others_of_the_container_nothing(stage: Stage, main: Main) -> None:
    start = main.come_up()
    for turn_id in ("a", "b", "c"):
        main.run(turn_id, start)
    stage.told.fails_once.add("ended")
    main.crash(start)

    ends = {turn.id: outcome for turn, outcome in (stage.next_end() for _ in range(3))}

    lost = Loss("Main's container ended (exit 137)", begun=False)
    assert ends == {"a": Answer.bug(), "b": lost, "c": lost}
    stage.alarms.wait_set(1)


def test_a_turn_that_cannot_be_handed_on_fails_and_those_that_waited_with_it_do_not(stage: Stage) -> None:
    main = Main(stage)
    main.manager.start()
    with closing(main.manager):
        main.manager.begin()
        start = stage.next_start()
        for turn_id in ("a", "b"):
            main.manager.submit(stage.turn(turn_id))
        main.overflow_fails_once = True
        start.done.set_exception(StartFailed("no space left on device"))

        turn, outcome = stage.next_end()
        assert (turn.id, outcome) == ("a", Answer.bug())
        assert main.overflow.get(timeout=10).id == "b"


def test_a_start_that_goes_wrong_in_our_own_code_is_tried_again_as_after_a_crash(stage: Stage) -> None:
    stage.runtime.fails_once = True
    main = Main(stage)
    main.manager.start()
    with closing(main.manager):
        main.manager.begin()
        stage.alarms.wait_set(1)
        main.manager.submit(stage.turn("a"))
        assert main.overflow.get(timeout=10).id == "a"
        stage.alarms.advance(1)
        main.run("b", main.come_up())
        assert main.manager.status.crashes == 1


# The container before, and the end


def test_a_restart_waits_for_the_name_and_not_for_ever(stage: Stage, main: Main) -> None:
    stage.runtime.removes = False
    for patient in (True, False):
        start = main.come_up()
        main.run("a", start)
        main.crash(start)
        stage.next_end()
        delay = 1 if patient else 2
        stage.alarms.wait_set(delay)
        stage.alarms.advance(delay)
        stage.alarms.wait_set(REMOVAL_PATIENCE)
        assert stage.runtime.starts.empty()
        if patient:
            stage.runtime.finish_removals()
        else:
            stage.alarms.advance(REMOVAL_PATIENCE)
    main.come_up()


def test_a_stop_waits_for_the_turns_that_run(stage: Stage, main: Main) -> None:
    start = main.come_up()
    main.run("a", start)
    drained = main.manager.drain()
    assert not drained.done()

    stage.frame(start, "response", "a", {"status": "done", "text": "hi", "agent_ms": 0})

    drained.result(10)


@pytest.mark.parametrize("doomed", [False, True], ids=["before", "after"])
def test_a_container_that_ends_around_a_stop_is_not_started_again(stage: Stage, main: Main, doomed: bool) -> None:
    start = main.come_up()
    main.run("a", start)
    if doomed:
        (start.spec.channel_path / "out" / "a.started.json").mkdir()  # which breaks the protocol
    drained = main.manager.drain()
    main.crash(start)

    drained.result(10)
    assert isinstance(stage.next_end()[1], Loss)
    main.manager.submit(stage.turn("b"))
    stage.alarms.advance(60)
    main.manager.close()
    assert stage.runtime.starts.empty()
    assert main.overflow.empty()


def test_what_its_container_says_faster_than_it_is_handled_comes_all_the_same(stage: Stage) -> None:
    main = Main(stage)
    turn, channel = stage.left_behind("a", events=3 * BYTES_AHEAD)
    main.manager.start()
    with closing(main.manager):
        main.manager.adopt(channel, [turn], current=True)
        assert stage.next_end() == (turn, Answer("done", "hi"))
    assert stage.told.events.qsize() > 3 * BYTES_AHEAD // MAX_EVENT


def test_a_container_that_calls_without_end_costs_nobody_its_place_in_the_mailbox(
    tmp_path: Path, stage: Stage
) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "QUEUE_LIMIT": "1"})
    main = Main(stage)
    turn, channel = stage.left_behind("a", calls=1500)
    main.manager.start()
    with closing(main.manager):
        main.manager.adopt(channel, [turn], current=True)
        numbers = set()
        for _ in range(1500):
            _, call, answer = stage.told.calls.get(timeout=10)
            numbers.add(call.number)
            answer({"value": {}})
    assert len(numbers) == 1500
    assert stage.told.ended_turns.empty()
