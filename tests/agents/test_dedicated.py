"""A container for one turn: started on it, removed after it, and nothing lost where the engine is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from openclaw.agents.capacity import MAX_LIVE_SUBAGENTS
from openclaw.agents.dedicated import DedicatedAgents
from openclaw.agents.dedicated_work import START_PATIENCE
from openclaw.agents.engine_probe import RETRY as ENGINE_RETRY
from openclaw.agents.standby import FIRST_PAUSE
from openclaw.agents.turn import Answer, Loss, Turn
from openclaw.config import load
from openclaw.containers.pace import BYTES_AHEAD
from openclaw.containers.runtime import OUT_OF_MEMORY, Exit
from openclaw.errors import EngineOverdue, EngineUnavailable, ImageMissing, OpenClawError
from openclaw.message import FrameKind
from openclaw.message.frames import MAX_EVENT
from tests.agents.conftest import Stage
from tests.support.runtime import Start
from tests.support.until import until


def make_agents(stage: Stage) -> DedicatedAgents:
    return DedicatedAgents(
        config=stage.config, runtime=stage.runtime, channels=stage.channels, specs=stage.specs,
        clock=stage.clock, alarms=stage.alarms, watch=stage.guard, listener=stage.told,
    )  # fmt: skip


@contextmanager
def running(stage: Stage) -> Iterator[DedicatedAgents]:
    agents = make_agents(stage)
    agents.start()
    with closing(agents):
        yield agents


@pytest.fixture
def agents(stage: Stage) -> Iterator[DedicatedAgents]:
    with running(stage) as agents:
        yield agents


def serve(stage: Stage, agents: DedicatedAgents, turn_id: str) -> Start:
    """Have a turn answered; the start of its container, which is to go by now."""
    agents.submit(stage.turn(turn_id))
    start = stage.next_start()
    start.done.set_result(None)
    stage.frame(start, "response", turn_id, {"status": "done", "text": "hi", "agent_ms": 3})
    turn, _ = stage.next_end()
    assert turn.attachment is not None
    turn.attachment.settle(turn_id)  # as delivery does
    return start


def test_an_answered_turn_ends_and_its_container_is_removed(stage: Stage, agents: DedicatedAgents) -> None:
    turn = stage.turn("a")
    agents.submit(turn)
    start = stage.next_start()
    start.done.set_result(None)
    stage.frame(start, "started", "a", {})
    stage.frame(start, "response", "a", {"status": "done", "text": "hi", "agent_ms": 3})
    assert stage.next_end() == (turn, Answer("done", "hi", "", 3))
    assert stage.runtime.removed.get(timeout=10) == start.spec.cid


def test_a_container_that_ends_loses_its_turn_and_tells_whether_it_had_begun(
    stage: Stage, agents: DedicatedAgents
) -> None:
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    start.done.set_result(None)
    agents.exited(Exit(start.spec.cid, 137, ""))
    assert stage.next_end()[1] == Loss("the container ended (exit 137)", begun=False)
    agents.submit(stage.turn("b"))
    start = stage.next_start()
    start.done.set_result(None)
    stage.frame(start, "started", "b", {})
    agents.exited(Exit(start.spec.cid, 137, ""))
    assert stage.next_end()[1] == Loss("the container ended (exit 137)", begun=True)


def test_one_that_ran_out_of_memory_says_which_limit_that_was(stage: Stage, agents: DedicatedAgents) -> None:
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    start.done.set_result(None)
    agents.exited(Exit(start.spec.cid, 137, OUT_OF_MEMORY))
    ended = stage.next_end()[1]
    assert isinstance(ended, Loss)
    limit = "its limit is memory_mb in groups/main/group.json, 512 MiB; raise it, or ask for less at once"
    assert ended.reason == f"the container ended (exit 137, it ran out of memory: {limit})"


def test_an_answer_that_was_left_behind_counts(stage: Stage, agents: DedicatedAgents) -> None:
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    stage.frame(start, "response", "a", {"status": "done", "text": "hi", "agent_ms": 0})
    agents.exited(Exit(start.spec.cid, 0, ""))
    assert stage.next_end()[1] == Answer("done", "hi")


def test_while_the_engine_is_away_the_turn_waits_and_is_started_when_it_answers(
    stage: Stage, agents: DedicatedAgents
) -> None:
    agents.submit(stage.turn("a"))
    stage.next_start().done.set_exception(EngineUnavailable("no engine"))
    stage.alarms.wait_set(ENGINE_RETRY)
    stage.alarms.advance(ENGINE_RETRY)
    again = stage.next_start()
    assert again.spec.message_id == "a"
    assert stage.told.ended_turns.empty()


def test_a_slot_is_free_when_its_container_is_removed_and_not_before(tmp_path: Path, stage: Stage) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "MAX_CONCURRENT_CONTAINERS": "1"})
    stage.runtime.removes = False
    with running(stage) as agents:
        first = serve(stage, agents, "a")
        agents.submit(stage.turn("b"))
        assert stage.runtime.removed.get(timeout=10) == first.spec.cid
        assert stage.runtime.starts.empty()

        stage.runtime.finish_removals()

        assert stage.next_start().spec.message_id == "b"


@pytest.mark.parametrize("closed", [False, True], ids=["meanwhile", "after-the-stop"])
def test_a_channel_goes_when_its_container_is_gone_and_not_before(stage: Stage, closed: bool) -> None:
    """The runner may still write there; and where it stays, the next start finds what it was about."""
    stage.runtime.removes = False
    with running(stage) as agents:
        start = serve(stage, agents, "a")
        channel = start.spec.channel_path
        assert stage.runtime.removed.get(timeout=10) == start.spec.cid
        if not closed:
            assert channel.exists()
            stage.runtime.finish_removals()
    assert channel.exists() is closed
    stage.runtime.finish_removals()
    assert not channel.exists()


def test_a_stop_waits_for_turns_and_not_for_removals(stage: Stage, agents: DedicatedAgents) -> None:
    stage.runtime.removes = False
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    start.done.set_result(None)
    drained = agents.drain()
    assert not drained.done()

    stage.frame(start, "response", "a", {"status": "done", "text": "hi", "agent_ms": 3})

    drained.result(10)


def test_a_stop_does_not_wait_for_a_start_that_the_engine_did_not_take(stage: Stage, agents: DedicatedAgents) -> None:
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    drained = agents.drain()

    start.done.set_exception(EngineUnavailable("no engine"))

    drained.result(10)


def test_while_the_image_is_missing_turns_wait_and_nothing_is_tried_until_the_runtime_tells_that_it_is_there(
    stage: Stage, agents: DedicatedAgents
) -> None:
    agents.submit(stage.turn("a"))
    stage.next_start().done.set_exception(ImageMissing("run `make image`"))
    for _ in range(10):  # more often than anything is sent again
        agents.engine_up()
        stage.next_start().done.set_exception(ImageMissing("run `make image`"))
    agents.engine_up()
    assert stage.next_start().spec.message_id == "a"
    assert ENGINE_RETRY not in stage.alarms.delays()
    assert stage.told.ended_turns.empty()


def test_a_subagent_is_told_where_it_has_its_paths(stage: Stage, agents: DedicatedAgents) -> None:
    (stage.config.home / "groups/main/src").mkdir()
    turn = stage.turn("a.s1")
    turn.task = {"paths": ["src"]}
    agents.submit(turn)

    request = stage.next_start().spec.channel_path / "in/a.s1.request.json"

    assert json.loads(request.read_bytes())["task"] == {"paths": ["src"], "places": ["/workspace/extra/main/src"]}


def test_a_subagent_whose_paths_are_not_allowed_fails_and_who_spawned_it_hears_why(
    stage: Stage, agents: DedicatedAgents
) -> None:
    turn = stage.turn("a.s1")
    turn.task, turn.placed = {"paths": ["/etc"]}, Future()
    agents.submit(turn)

    assert "/etc cannot be mounted" in str(turn.placed.exception(10))
    _, ended = stage.next_end()
    assert isinstance(ended, Answer)
    assert ended.error == str(turn.placed.exception())


def test_a_turn_that_was_cancelled_on_its_way_is_not_started(stage: Stage, agents: DedicatedAgents) -> None:
    turn = stage.turn("a")
    turn.cancelled = True
    agents.submit(turn)
    assert stage.next_end() == (turn, Answer.cancelled())
    assert stage.runtime.starts.empty()


def test_a_turn_over_its_time_limit_fails_and_its_container_goes(stage: Stage, agents: DedicatedAgents) -> None:
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    start.done.set_result(None)
    stage.alarms.wait_set(stage.config.subagent_timeout)
    stage.alarms.advance(stage.config.subagent_timeout)
    outcome = stage.next_end()[1]
    assert isinstance(outcome, Answer)
    assert "SUBAGENT_TIMEOUT" in outcome.error
    assert stage.runtime.removed.get(timeout=10) == start.spec.cid


# Bugs: an event that cannot be handled


@pytest.mark.parametrize(("what", "kind"), [("begun", "started"), ("called", "call"), ("ended", "response")])
def test_a_frame_that_cannot_be_handled_fails_its_turn_and_its_container_goes(
    tmp_path: Path, stage: Stage, what: str, kind: FrameKind
) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "MAX_CONCURRENT_CONTAINERS": "1"})
    with running(stage) as agents:
        agents.submit(stage.turn("a"))
        start = stage.next_start()
        start.done.set_result(None)
        stage.told.fails_once.add(what)
        body: dict[str, object] = {"status": "done", "text": "hi", "agent_ms": 0} if kind == "response" else {}
        stage.frame(start, kind, "a", body, number=1 if kind == "call" else 0)

        turn, outcome = stage.next_end()
        assert (turn.id, outcome) == ("a", Answer.bug())
        assert stage.runtime.removed.get(timeout=10) == start.spec.cid
        serve(stage, agents, "b")


def test_a_turn_fails_and_is_told_so_though_its_container_cannot_be_removed_either(
    stage: Stage, agents: DedicatedAgents
) -> None:
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    start.done.set_result(None)
    stage.told.fails_once.add("begun")
    stage.runtime.removal_fails_once = True
    stage.frame(start, "started", "a")
    turn, outcome = stage.next_end()
    assert (turn.id, outcome) == ("a", Answer.bug())


@pytest.mark.parametrize("group", ["main", "friends"])
def test_a_start_that_goes_wrong_in_our_own_code_fails_its_turn_and_gives_its_slot_back(
    tmp_path: Path, stage: Stage, group: str
) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "MAX_CONCURRENT_CONTAINERS": "1"})
    stage.runtime.fails_once = group == "main"
    with running(stage) as agents:
        agents.submit(stage.turn("a", group=group))  # of friends there are no settings: the specs raise a KeyError
        agents.submit(stage.turn("b"))

        turn, outcome = stage.next_end()
        assert (turn.id, outcome) == ("a", Answer.bug())
        assert stage.next_start().spec.message_id == "b"


def test_a_standby_container_that_goes_wrong_in_our_own_code_is_made_anew(tmp_path: Path, stage: Stage) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "SUBAGENT_STANDBY": "1"})
    stage.runtime.fails_once = True
    with running(stage) as agents:
        agents.keep_standby()
        assert stage.runtime.removed.get(timeout=10)
        stage.alarms.wait_set(FIRST_PAUSE)
        stage.alarms.advance(FIRST_PAUSE)
        assert stage.next_start().spec.role == "standby"


# The engine is away


def test_an_engine_that_failed_a_standby_container_is_tried_again_for_the_next_turn(
    tmp_path: Path, stage: Stage
) -> None:
    """Though nobody wanted anything when it was due to be tried, and nothing else tells that it is back."""
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "SUBAGENT_STANDBY": "1"})
    with running(stage) as agents:
        agents.keep_standby()
        stage.next_start().done.set_exception(EngineOverdue("the engine has not started it within 30 s"))
        stage.alarms.wait_set(ENGINE_RETRY)
        stage.alarms.advance(ENGINE_RETRY)
        agents.submit(stage.turn("a"))
        stage.alarms.wait_pending(2)  # beside the pause after a lost standby container
        stage.alarms.advance(ENGINE_RETRY)
        assert stage.next_start().spec.message_id == "a"


def test_containers_that_call_without_end_cost_no_other_its_place_in_the_mailbox(tmp_path: Path, stage: Stage) -> None:
    """All that they have written lies there when they are taken over, and nobody handles any of it before."""
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "QUEUE_LIMIT": "1"})
    calls = 300
    hostile = [stage.left_behind(f"h{number}", calls=calls) for number in range(4)]
    with running(stage) as agents:
        for turn, channel in hostile:
            agents.adopt(channel, f"c-{turn.id}", turn)
        agents.submit(stage.turn("other"))

        heard = set()
        for _ in range(len(hostile) * calls):
            turn, call, answer = stage.told.calls.get(timeout=10)
            heard.add((turn.id, call.number))
            answer({"value": {}})

        assert len(heard) == len(hostile) * calls
        assert stage.next_start().spec.message_id == "other"
        assert stage.told.ended_turns.empty()


def test_what_a_container_says_faster_than_it_is_handled_comes_all_the_same(
    stage: Stage, agents: DedicatedAgents
) -> None:
    turn, channel = stage.left_behind("a", events=3 * BYTES_AHEAD)
    agents.adopt(channel, "c-a", turn)
    assert stage.next_end() == (turn, Answer("done", "hi"))
    numbers = [stage.told.events.get_nowait()[1].number for _ in range(stage.told.events.qsize())]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 3 * BYTES_AHEAD // MAX_EVENT


def test_a_container_whose_turn_is_over_is_not_heard_while_it_waits_for_its_removal(
    stage: Stage, agents: DedicatedAgents
) -> None:
    stage.runtime.removes = False
    start = serve(stage, agents, "a")
    assert stage.runtime.removed.get(timeout=10) == start.spec.cid
    stage.frame(start, "response", "a", {"status": "done"})
    serve(stage, agents, "b")  # the watcher has seen that, and this, by now
    assert (start.spec.channel_path / "out/a.response.json").exists()


def test_a_thousand_subagents_fit_beside_the_shortest_queue(tmp_path: Path, stage: Stage) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "QUEUE_LIMIT": "1"})
    agents = make_agents(stage)  # nobody handles anything yet
    for number in range(1, MAX_LIVE_SUBAGENTS + 1):
        agents.submit(stage.turn(f"m.s{number}"))
    for number in range(1, MAX_LIVE_SUBAGENTS + 1):
        agents.cancel(f"m.s{number}")


def test_what_an_earlier_process_has_left_fits_beside_the_queue_of_now(tmp_path: Path, stage: Stage) -> None:
    stage.config = load({"OPENCLAW_HOME": str(tmp_path), "QUEUE_LIMIT": "1"})
    left = 50_000
    with pytest.raises(OpenClawError, match="takes no more events"):
        submit_often(make_agents(stage), stage.turn("a"), left)
    agents = make_agents(stage)
    agents.make_room(left)
    submit_often(agents, stage.turn("a"), left)


def submit_often(agents: DedicatedAgents, turn: Turn, count: int) -> None:
    for _ in range(count):
        agents.submit(turn)


# Where a subagent is


def subagent(stage: Stage) -> tuple[Turn, Future[int]]:
    turn = stage.turn("a.s1")
    turn.placed = Future()
    return turn, turn.placed


def test_a_subagent_has_started_when_the_engine_says_so(stage: Stage, agents: DedicatedAgents) -> None:
    turn, placed = subagent(stage)
    agents.submit(turn)
    start = stage.next_start()
    stage.alarms.wait_pending(2)  # its time, and the patience
    assert not placed.done()
    start.done.set_result(None)
    assert placed.result(10) == 0


def test_one_whose_start_the_engine_did_not_take_is_queued(stage: Stage, agents: DedicatedAgents) -> None:
    turn, placed = subagent(stage)
    agents.submit(turn)
    stage.next_start().done.set_exception(EngineUnavailable("nothing listens"))
    assert placed.result(10) == 1


def test_nobody_waits_for_a_slow_engine_to_hear_that_it_was_asked(stage: Stage, agents: DedicatedAgents) -> None:
    turn, placed = subagent(stage)
    agents.submit(turn)
    stage.next_start()
    stage.alarms.wait_set(START_PATIENCE)
    stage.alarms.advance(START_PATIENCE)
    assert placed.result(10) == 0


# The group's own settings


def replaced_settings(stage: Stage) -> bytes:
    """Replace main's group.json as an editor does; what holds after that."""
    file = stage.config.home / "groups/main/group.json"
    file.with_name("fresh").write_text('{"pids": 99}')
    file.with_name("fresh").rename(file)
    return stage.guard.look("main").data


def test_as_long_as_a_container_is_not_gone_it_may_have_written_the_groups_settings(
    stage: Stage, agents: DedicatedAgents
) -> None:
    stage.runtime.removes = False
    start = serve(stage, agents, "a")
    assert stage.runtime.removed.get(timeout=10) == start.spec.cid
    assert replaced_settings(stage) == b"{}\n"

    stage.runtime.finish_removals()

    assert stage.guard.is_quiet("main")
    assert replaced_settings(stage) == b'{"pids": 99}'


def test_a_start_of_which_nobody_knows_what_came_counts_until_it_is_removed(
    stage: Stage, agents: DedicatedAgents
) -> None:
    stage.runtime.removes = False
    agents.submit(stage.turn("a"))
    start = stage.next_start()
    start.done.set_exception(EngineOverdue("overdue"))
    stage.alarms.wait_set(ENGINE_RETRY)
    assert replaced_settings(stage) == b"{}\n"
    assert stage.runtime.removed.empty(), "nobody asks an engine that is away"
    stage.alarms.advance(ENGINE_RETRY)
    again = stage.next_start()
    again.done.set_result(None)
    assert stage.runtime.removed.get(timeout=10) == start.spec.cid
    stage.frame(again, "response", "a", {"status": "done", "text": "hi", "agent_ms": 3})
    stage.next_end()
    assert stage.runtime.removed.get(timeout=10) == again.spec.cid
    assert not stage.guard.is_quiet("main")

    stage.runtime.finish_removals()

    until(lambda: stage.guard.is_quiet("main"))


def test_one_that_stands_by_may_do_nothing_yet(stage: Stage, agents: DedicatedAgents) -> None:
    agents.keep_standby()
    stage.next_start().done.set_result(None)
    assert replaced_settings(stage) == b'{"pids": 99}'
