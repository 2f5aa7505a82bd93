"""What a process finds at its start: containers that live go on, of those that are gone the channel tells the rest."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from openclaw.agents.turn import Answer, Loss, Outcome, Turn
from openclaw.containers.channel import Channel, Channels
from openclaw.errors import RuntimeFailure
from tests.service.conftest import Crew
from tests.support.file_events import FileEvents

DONE = Answer("done", "hi", "", 3)
GONE = "the service and the container ended"


def test_where_nothing_was_left_mains_container_is_started(crew: Crew) -> None:
    crew.recover()
    assert crew.engine.starts.get(timeout=10).spec.role == "main"
    assert crew.recovery.running == {}
    assert crew.recovery.ended == []


# Containers that live


def test_mains_container_goes_on_with_its_turns_and_no_other_is_started(crew: Crew) -> None:
    first, second = crew.turn("a"), crew.turn("b")
    inside = crew.left_channel("c1", first, second) / "in"
    crew.left_container("c1", "main")
    with closing(FileEvents(inside)) as events:
        crew.recover(first, second)
        events.until(lambda: any(inside.glob("*.ping.json")))
    assert crew.recovery.running == {"a": first, "b": second}
    assert crew.recovery.ended == []
    crew.answer("c1", "b")
    assert crew.next_end() == (second, DONE)
    assert first.route == second.route == "persistent"
    assert crew.engine.starts.empty()
    assert crew.engine.removed.empty()


def test_the_time_before_an_agent_began_ends_where_it_did_however_late_it_is_taken_over(crew: Crew) -> None:
    """The agent's own time is no part of it."""
    turn = crew.turn("a", group="friends")
    accepted_at = crew.clock.time()
    path = crew.left_channel("c1", turn)
    crew.left_container("c1")
    crew.frame("c1", "started", "a")
    os.utime(path / "out/a.started.json", (accepted_at + 2, accepted_at + 2))
    crew.clock.advance(60)  # the service was away
    crew.recover(turn)
    crew.answer("c1", "a")
    ended, answer = crew.next_end()
    assert isinstance(answer, Answer)
    assert ended.reply(answer, crew.clock.monotonic()).timing.to_json() == {
        "prepTime": 2000, "agentTime": 3, "totalTime": 60_000,
    }  # fmt: skip


@pytest.mark.parametrize(("says", "prep"), [(-9e8, 0), (9e8, 60_000)])
def test_what_a_container_says_of_the_date_makes_no_time_impossible(crew: Crew, says: float, prep: int) -> None:
    turn = crew.turn("a", group="friends")
    path = crew.left_channel("c1", turn)
    crew.left_container("c1", running=False)
    crew.frame("c1", "started", "a")
    os.utime(path / "out/a.started.json", (crew.clock.time() + says,) * 2)
    crew.clock.advance(60)
    crew.recover(turn)
    assert turn.reply(Answer.bug(), crew.clock.monotonic()).timing.prep_ms == prep


def test_those_that_go_on_reach_the_model_again_on_the_account_of_their_group(crew: Crew) -> None:
    turn = crew.turn("a", group="friends")
    path = crew.left_channel("c1", turn)
    crew.left_channel("c2", crew.turn("b"))  # its container is gone
    crew.left_container("c1")
    crew.engine.containers[-1] = crew.engine.containers[-1]._replace(group="friends")
    crew.recover(turn)
    cid, group, directory, in_flight = crew.doors.admitted.get_nowait()
    assert (cid, group, directory) == ("c1", "friends", path / "gw")
    assert in_flight("a")
    assert [door.cid for door in crew.doors.admitted.queue if door.cid == "c2"] == []


def test_one_whose_way_to_the_model_cannot_be_opened_goes_on_without(
    crew: Crew, caplog: pytest.LogCaptureFixture
) -> None:
    turn = crew.turn("a", group="friends")
    crew.left_channel("c1", turn)
    crew.left_container("c1")
    crew.doors.refusal = "no space left"
    crew.recover(turn)
    assert crew.recovery.running == {"a": turn}
    assert "goes on without the model: no space left" in caplog.text
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)


def test_an_answer_that_came_while_no_process_ran_counts(crew: Crew) -> None:
    turn = crew.turn("a")
    crew.left_channel("c1", turn)
    crew.left_container("c1", "main")
    crew.answer("c1", "a")
    crew.recover(turn)
    assert crew.next_end() == (turn, DONE)


def test_a_dedicated_container_goes_on_with_its_turn_and_is_removed_after_it(crew: Crew) -> None:
    turn = crew.turn("a", group="friends")
    crew.left_channel("c1", turn)
    crew.left_container("c1")
    crew.recover(turn)
    assert crew.recovery.running == {"a": turn}
    assert crew.engine.removed.empty()
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)
    assert turn.route == "dedicated"
    assert crew.engine.removed.get(timeout=10) == "c1"


def test_mains_container_with_other_settings_ends_its_turns_and_is_then_replaced(crew: Crew) -> None:
    turn = crew.turn("a")
    crew.left_channel("c1", turn)
    crew.left_container("c1", "main", config="of an older image")
    crew.recover(turn)
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)
    assert crew.engine.removed.get(timeout=10) == "c1"
    assert crew.engine.starts.get(timeout=10).spec.role == "main"


def test_where_the_settings_cannot_be_compared_it_is_replaced_too(crew: Crew) -> None:
    crew.left_channel("c1")
    crew.left_container("c1", "main")
    crew.engine.has_image = False
    crew.recover()
    assert crew.engine.removed.get(timeout=10) == "c1"
    assert crew.engine.starts.get(timeout=10).spec.role == "main"


def test_where_main_is_to_be_served_on_demand_its_container_ends_its_turns_and_is_not_replaced(
    tmp_path: Path, stack: ExitStack
) -> None:
    crew = Crew(tmp_path, stack, ENABLE_PERSISTENT_MAIN="false")
    turn = crew.turn("a")
    crew.left_channel("c1", turn)
    crew.left_container("c1", "main")
    crew.recover(turn)
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)
    assert crew.engine.removed.get(timeout=10) == "c1"
    later = crew.turn("b")
    crew.main.submit(later)
    assert crew.overflow.get(timeout=10) is later
    assert crew.engine.starts.empty()


def test_a_dedicated_container_whose_turn_is_answered_already_is_removed(crew: Crew) -> None:
    channel = crew.left_channel("c1", crew.turn("a"))
    crew.left_container("c1")
    crew.recover()
    assert crew.engine.removed.get(timeout=10) == "c1"
    assert not channel.exists()


# Containers that are gone


@pytest.mark.parametrize("role", ["main", "dedicated"])
def test_a_dead_container_is_removed_and_its_turns_end_by_what_it_left(crew: Crew, role: str) -> None:
    answered, begun, unread = (crew.turn(message_id) for message_id in ("a", "b", "c"))
    crew.left_channel("c1", answered, begun, unread)
    crew.left_container("c1", role, running=False)
    crew.frame("c1", "started", "a")
    crew.answer("c1", "a")
    crew.frame("c1", "started", "b")
    crew.recover(answered, begun, unread)
    assert crew.recovery.ended == [
        (answered, DONE), (begun, Loss(GONE, begun=True)), (unread, Loss(GONE, begun=False)),
    ]  # fmt: skip
    assert set(crew.recovery.running) == {"a", "b", "c"}
    assert crew.engine.removed.get(timeout=10) == "c1"
    assert crew.engine.starts.get(timeout=10).spec.role == "main"
    assert crew.told.ended_turns.empty()  # they are the router's


def test_a_channel_whose_container_is_gone_tells_the_same(crew: Crew) -> None:
    turn = crew.turn("a")
    crew.left_channel("c1", turn)
    crew.frame("c1", "started", "a")
    crew.recover(turn)
    assert crew.recovery.ended == [(turn, Loss(GONE, begun=True))]
    assert crew.engine.removed.empty()


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
@pytest.mark.parametrize("kind", ["started", "response"])
def test_what_is_no_frame_tells_that_the_turn_had_begun(
    crew: Crew, caplog: pytest.LogCaptureFixture, kind: str, content: bytes
) -> None:
    turn = crew.turn("a")
    channel = crew.left_channel("c1", turn)
    (channel / f"out/a.{kind}.json").write_bytes(content)
    crew.recover(turn)
    assert crew.recovery.ended == [(turn, Loss(GONE, begun=True))]
    assert f"a.{kind}.json" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_request_that_a_power_cut_damaged_is_sent_again(crew: Crew, content: bytes) -> None:
    turn = crew.turn("a")
    channel = crew.left_channel("c1", turn)
    (channel / "in/a.request.json").write_bytes(content)
    crew.recover(turn)
    assert crew.recovery.ended == [(turn, Loss(GONE, begun=False))]


def test_a_buried_channel_stays_until_the_last_of_its_turns_is_settled(crew: Crew) -> None:
    turns = [crew.turn("a"), crew.turn("b")]
    channel = crew.left_channel("c1", *turns)
    crew.recover(*turns)
    for turn in turns:
        assert channel.exists()
        assert turn.attachment is not None
        turn.attachment.settle(turn.id)
    assert not channel.exists()


def test_a_channel_in_which_nothing_is_left_goes_at_once(crew: Crew) -> None:
    channel = crew.left_channel("c1")
    crew.recover()
    assert not channel.exists()


def test_a_container_whose_channel_is_gone_is_removed(crew: Crew) -> None:
    crew.left_container("c1", "main")
    crew.recover()
    assert crew.engine.removed.get(timeout=10) == "c1"
    assert crew.engine.starts.get(timeout=10).spec.role == "main"


def test_a_channel_that_is_half_there_goes_and_its_container_too(crew: Crew) -> None:
    (crew.root / "c1" / "in").mkdir(parents=True)
    crew.left_container("c1")
    crew.recover()
    assert crew.engine.removed.get(timeout=10) == "c1"
    assert not (crew.root / "c1").exists()


@pytest.mark.parametrize("role", ["main", "dedicated"])
def test_a_container_that_ends_before_its_agent_knows_it_loses_its_turns_all_the_same(crew: Crew, role: str) -> None:
    turn = crew.turn("a", group="main" if role == "main" else "friends")
    crew.left_channel("c1", turn)
    crew.left_container("c1", role)
    crew.frame("c1", "started", "a")
    crew.engine.dies_after_the_list = True
    crew.recover(turn)
    ended, outcome = crew.next_end()
    assert ended is turn
    assert isinstance(outcome, Loss)
    assert "exit 137" in outcome.reason
    assert outcome.begun


def test_where_the_engine_goes_away_after_the_list_what_was_taken_over_goes_on(crew: Crew) -> None:
    turn = crew.turn("a")
    crew.left_channel("c1", turn)
    crew.left_container("c1", "main")
    crew.engine.goes_away_after_the_list = True
    crew.recover(turn)
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)


# Messages and channels


def test_what_a_living_channel_holds_of_messages_that_are_not_in_flight_is_cleared_away(crew: Crew) -> None:
    turn = crew.turn("a")
    channel = crew.left_channel("c1", turn, crew.turn("answered"))
    crew.left_container("c1", "main")
    crew.answer("c1", "answered")
    crew.recover(turn)
    assert crew.recovery.running == {"a": turn}
    assert not [name for side in ("in", "out") for name in os.listdir(channel / side) if name.startswith("answered")]
    assert (channel / "in/a.request.json").exists()


def test_a_message_that_no_channel_knows_waits_to_be_sent(crew: Crew) -> None:
    crew.recover(crew.turn("a"))
    assert crew.recovery.running == {}
    assert crew.recovery.ended == []


def test_a_message_in_two_channels_is_taken_up_once(crew: Crew) -> None:
    turn = crew.turn("a")
    crew.left_channel("c1", turn)
    other = crew.left_channel("c2", turn)
    crew.recover(turn)
    assert [ended for ended, _ in crew.recovery.ended] == [turn]
    assert not other.exists()


def test_the_channel_of_a_first_attempt_says_nothing_of_a_second_that_was_noted(crew: Crew) -> None:
    """The process died between noting the second attempt and clearing the first one away."""
    channel = crew.left_channel("c1", crew.turn("a", attempt=1))
    crew.frame("c1", "started", "a")
    crew.recover(crew.turn("a", attempt=2))
    assert crew.recovery.ended == []
    assert crew.recovery.running == {}
    assert not channel.exists()


def test_a_second_attempt_that_had_begun_is_lost_as_such(crew: Crew) -> None:
    turn = crew.turn("a", attempt=2)
    crew.left_channel("c1", turn)
    crew.frame("c1", "started", "a")
    crew.recover(turn)
    assert crew.recovery.ended == [(turn, Loss(GONE, begun=True))]


# An engine that does not answer


def test_while_the_engine_does_not_answer_nothing_is_touched_and_it_can_be_asked_again(crew: Crew) -> None:
    turn = crew.turn("a")
    channel = crew.left_channel("c1", turn)
    crew.left_container("c1", "main")
    crew.engine.away = True
    with pytest.raises(RuntimeFailure):
        crew.recover(turn)
    assert crew.recovery.running == {}
    assert (channel / "in/a.request.json").exists()
    crew.engine.away = False
    crew.recover(turn)
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)
    assert crew.engine.starts.empty()


# A run that fails


def test_a_run_that_failed_goes_on_where_it_was_and_touches_nothing_twice(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = first, second, third = crew.turn("a"), crew.turn("b", group="friends"), crew.turn("c", group="friends")
    crew.left_channel("c1", first)
    crew.left_container("c1", "main")
    crew.left_channel("c2", second)
    crew.left_container("c2")
    gone = crew.left_channel("c3", third)
    whole = Channels.open

    def fails(channels: Channels, cid: str) -> Channel:
        channel = whole(channels, cid)
        if cid == "c2":
            channel.pending = [].pop  # type: ignore[method-assign]
        return channel

    with monkeypatch.context() as patch:
        patch.setattr(Channels, "open", fails)
        with pytest.raises(IndexError):
            crew.recover(*turns)
    assert crew.recovery.running == {"a": first}
    assert crew.recovery.ended == []
    assert gone.exists()

    crew.recover(*turns)

    assert crew.recovery.running == {"a": first, "b": second, "c": third}
    assert [turn for turn, _ in crew.recovery.ended] == [third]
    for cid, turn in (("c1", first), ("c2", second)):
        assert crew.channels.open(cid).pending().keys() == {turn.id}
        crew.answer(cid, turn.id)
        assert crew.next_end() == (turn, DONE)
    assert crew.engine.starts.empty()


def test_a_run_that_failed_after_all_was_seen_to_starts_mains_container_once(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = crew.turn("a", group="friends")
    crew.left_channel("c1", turn)
    crew.left_container("c1")
    with monkeypatch.context() as patch:
        patch.setattr(crew.recovery, "_tell_ends", [].pop)
        with pytest.raises(TypeError):
            crew.recover(turn)
    crew.recover(turn)
    crew.answer("c1", "a")
    assert crew.next_end() == (turn, DONE)
    assert crew.engine.starts.get(timeout=10).spec.role == "main"
    assert crew.engine.starts.empty()


def test_an_end_that_cannot_be_told_is_no_turn_lost_and_holds_up_no_other(crew: Crew) -> None:
    first, second = crew.turn("a"), crew.turn("b")
    crew.left_channel("c1", first)
    crew.left_channel("c2", second)
    crew.recover(first, second)
    told: list[tuple[Turn, Outcome]] = []

    def tell(turn: Turn, outcome: Outcome) -> None:
        if turn is first and isinstance(outcome, Loss):
            raise ZeroDivisionError("a bug")
        told.append((turn, outcome))

    with pytest.raises(ZeroDivisionError):
        crew.recovery.tell_ended(tell)
    crew.recovery.tell_ended(tell)

    assert told == [(second, Loss(GONE, begun=False)), (first, Answer.bug())]
    assert crew.recovery.ended == []
