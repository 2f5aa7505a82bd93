"""From an accepted message to its answer: order, cancelling, and what becomes of a turn whose container is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from openclaw.agents.turn import LAST_SEND, Answer
from openclaw.message import Record
from tests.routing.conftest import DONE, Office, draft
from tests.support.slow_dir import take_away

CANCELLED = Answer.cancelled()


def _reply(message_id: str) -> dict[str, str]:
    return {"id": message_id, "group": "main", "session": "default", "status": "done", "text": "found"}



# Order


def test_nothing_is_dispatched_before_it_is_durable(office: Office) -> None:
    office.work.hold()
    with ThreadPoolExecutor(1) as pool:
        receipt = pool.submit(office.accept, "a")
        office.work.wait_held()
        assert not receipt.done()
        assert office.submitted() == []
        office.work.release()
        assert receipt.result(10).id == "a"
    assert office.submitted() == ["a"]


def test_a_session_has_one_turn_at_a_time_in_the_order_of_acceptance(office: Office) -> None:
    for message_id in "abc":
        office.accept(message_id)
    for message_id in "abc":
        turn = office.next_turn()
        assert turn.id == message_id
        assert office.submitted() == []
        office.end(turn)
    assert office.answers() == [("a", DONE), ("b", DONE), ("c", DONE)]


def test_the_files_of_one_batch_keep_their_order_too(office: Office) -> None:
    office.drop(draft("z"), draft("a"))
    turn = office.next_turn()
    assert turn.id == "z"
    office.end(turn)
    assert office.submitted() == ["a"]


def test_sessions_and_groups_run_side_by_side(tmp_path: Path, office: Office) -> None:
    (tmp_path / "groups/friends").mkdir()
    (tmp_path / "groups/friends/group.json").write_text("{}")
    office.accept("a")
    office.accept("b", session="other")
    office.accept("c", group="friends")
    assert office.submitted() == ["a", "b", "c"]


def test_the_next_turn_does_not_wait_until_the_reply_before_it_is_stored(office: Office) -> None:
    office.accept("a")
    office.accept("b")
    turn = office.next_turn()
    turn.begun = office.clock.monotonic()
    office.end(turn)
    assert office.submitted() == ["b"]
    assert office.progress("a") == ("running", 1)  # delivery has it


def test_the_next_turn_waits_until_the_session_knows_of_the_one_before(office: Office) -> None:
    office.accept("a")
    office.accept("b")
    turn = office.next_turn()
    office.end(turn, DONE._replace(record=Record([{"role": "user", "content": "hello"}])))
    assert office.submitted() == []
    office.router.remembered(turn)
    assert office.submitted() == ["b"]


def test_a_turn_that_was_told_of_results_keeps_its_session_until_that_is_noted(office: Office) -> None:
    office.sessions.add_result(_reply("z.s1"))
    office.accept("a")
    office.accept("b")
    turn = office.next_turn()
    assert turn.results == [{"id": "z.s1", "status": "done", "text": "found"}]
    office.end(turn)
    assert office.submitted() == []
    office.sessions.add_turn("main", "default", "a", ["z.s1"], None)()
    office.router.remembered(turn)
    assert office.next_turn().results == []


def test_a_turn_that_failed_was_told_of_nothing(office: Office) -> None:
    office.sessions.add_result(_reply("z.s1"))
    office.accept("a")
    office.accept("b")
    office.end(office.next_turn(), Answer.failed("the model is away"))
    assert [result["id"] for result in office.next_turn().results] == ["z.s1"]


def test_progress_tells_what_waits_and_what_runs_until_it_is_settled(office: Office) -> None:
    office.accept("a", session="s")
    office.accept("b", session="s")
    turn = office.next_turn()
    assert office.progress("a") == ("queued", 1)  # an agent has it, and may wait for a container
    turn.begun = office.clock.monotonic()
    assert office.router.progress("a") == {
        "id": "a", "group": "main", "session": "s", "status": "running", "attempt": 1,
    }  # fmt: skip
    assert office.router.progress("b") == {
        "id": "b", "group": "main", "session": "s", "status": "queued", "attempt": 1, "ahead": 1,
    }  # fmt: skip
    office.settle(turn)
    assert office.router.progress("a") is None
    assert office.router.progress("never") is None


# Cancelling


def test_a_queued_turn_is_cancelled_without_an_agent_and_the_next_one_follows(office: Office) -> None:
    for message_id in "abc":
        office.accept(message_id)
    first = office.next_turn()
    assert office.router.cancel("b")
    assert office.answers() == [("b", CANCELLED)]
    assert office.agents.cancelled.empty()
    office.end(first)
    assert office.submitted() == ["c"]


def test_cancelling_a_turn_that_runs_is_for_its_agent(office: Office) -> None:
    office.accept("a")
    turn = office.next_turn()
    assert office.router.cancel("a")
    assert office.agents.cancelled.get_nowait() is turn
    assert office.answers() == []


def test_its_agent_is_told_once_however_often_it_is_cancelled(office: Office) -> None:
    office.accept("a")
    office.next_turn()
    assert all(office.router.cancel("a") for _ in range(3))
    assert office.agents.cancelled.qsize() == 1


def test_what_is_not_in_flight_cannot_be_cancelled(office: Office) -> None:
    assert not office.router.cancel("never")
    office.accept("a")
    office.settle(office.next_turn())
    assert not office.router.cancel("a")


def test_a_turn_that_is_cancelled_before_the_agents_are_there_is_answered_and_frees_its_lane(
    tmp_path: Path, stack: ExitStack
) -> None:
    office = Office(tmp_path, stack)
    office.accept("a")
    office.accept("b")
    assert office.router.cancel("a")
    assert office.answers() == [("a", CANCELLED)]
    office.open()
    assert office.submitted() == ["b"]


def test_a_cancel_before_the_message_is_durable_reaches_the_agent_with_the_turn(office: Office) -> None:
    office.work.hold()
    with ThreadPoolExecutor(1) as pool:
        receipt = pool.submit(office.accept, "a")
        office.work.wait_held()
        assert office.router.cancel("a")
        office.work.release()
        receipt.result(10)
    assert office.next_turn().cancelled


def test_a_cancelled_turn_whose_container_ends_is_not_tried_again(office: Office) -> None:
    for message_id, begun in (("a", False), ("b", True)):
        office.accept(message_id, session=message_id)
        turn = office.next_turn()
        office.router.cancel(message_id)
        office.lose(turn, begun=begun)
        assert office.answers() == [(message_id, CANCELLED)]
    assert office.submitted() == []


def test_a_cancel_while_the_second_attempt_is_noted_reaches_the_agent_with_the_turn(office: Office) -> None:
    office.accept("a")
    turn = office.next_turn()
    office.work.hold()
    office.lose(turn, begun=True)
    office.work.wait_held()
    assert office.router.cancel("a")
    office.work.release()
    assert office.next_turn().cancelled


# A container that ends


def test_a_turn_that_had_not_begun_is_sent_again_as_the_same_attempt(office: Office) -> None:
    office.accept("a")
    office.lose(office.next_turn(), begun=False)
    assert office.next_turn().attempt == 1
    assert office.record("a")["attempt"] == 1


def test_nothing_is_kept_of_a_turn_that_had_not_begun(office: Office) -> None:
    office.accept("a")
    turn = office.next_turn()
    channel = office.attach(turn)
    assert channel.exists()
    office.lose(turn, begun=False)
    assert not channel.exists()
    assert office.next_turn().attachment is None


def test_when_containers_keep_ending_before_they_begin_it_fails_and_says_why(office: Office) -> None:
    office.accept("a")
    office.accept("b")
    for _ in range(LAST_SEND):
        assert office.answers() == []
        office.lose(office.next_turn(), begun=False)
    ((answered, answer),) = office.answers()
    assert (answered, answer.status) == ("a", "failed")
    assert "the container ended before it began, 5 times" in answer.error
    assert office.submitted() == ["b"]


def test_a_second_attempt_is_on_the_disk_before_it_is_sent(office: Office) -> None:
    office.accept("a")
    turn = office.next_turn()
    channel = office.attach(turn)
    turn.begun = office.clock.monotonic()
    office.work.hold()
    office.lose(turn, begun=True)
    office.work.wait_held()
    assert office.submitted() == []
    assert channel.exists()  # until then it alone tells that the first attempt had begun
    office.work.release()
    again = office.next_turn()
    assert office.record("a")["attempt"] == again.attempt == 2
    assert office.progress("a") == ("queued", 2)
    assert again.begun is None
    assert not channel.exists()


def test_the_committer_hands_a_second_attempt_over_and_does_nothing_of_it(office: Office) -> None:
    """Everybody's next message waits for its thread; this removes files and reads the session."""
    office.accept("a")
    turn = office.next_turn()
    channel = office.attach(turn)
    office.delivery_waits = True
    office.lose(turn, begun=True)
    act = office.handed_over.get(timeout=10)
    office.accept("b", session="other")  # the committer has gone on
    assert office.next_turn().id == "b"
    assert (channel.exists(), office.submitted()) == (True, [])

    act()

    assert (channel.exists(), office.submitted()) == (False, ["a"])


def test_a_second_attempt_that_is_lost_too_is_the_last(office: Office) -> None:
    office.accept("a")
    office.lose(office.next_turn(), begun=True)
    office.lose(office.next_turn(), begun=True)
    ((_, answer),) = office.answers()
    assert answer.status == "failed"
    assert "the container ended, and so had the first attempt" in answer.error
    assert office.submitted() == []


def test_a_second_attempt_that_had_not_begun_is_sent_again(office: Office) -> None:
    office.accept("a")
    office.lose(office.next_turn(), begun=True)
    office.lose(office.next_turn(), begun=False)
    assert office.next_turn().attempt == 2


def test_an_attempt_that_cannot_be_noted_is_sent_all_the_same_and_its_traces_stay(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.accept("a")
    turn = office.next_turn()
    channel = office.attach(turn)
    take_away(office.work.path)
    office.lose(turn, begun=True)
    assert office.next_turn().attempt == 2
    assert channel.exists()
    assert "attempt 2 of a could not be noted" in caplog.text


@pytest.mark.parametrize("begun", [False, True])
def test_traces_that_cannot_be_removed_do_not_hold_up_the_next_attempt(
    office: Office, caplog: pytest.LogCaptureFixture, begun: bool
) -> None:
    office.accept("a")
    turn = office.next_turn()
    channel = office.attach(turn)
    assert turn.attachment is not None
    turn.attachment.channel.send("request", "a", {})
    (channel / "in/a.request.json").unlink()
    (channel / "in/a.request.json").mkdir()  # which no file system unlinks
    office.lose(turn, begun=begun)
    assert office.next_turn() is turn
    assert "the frames of a could not be removed" in caplog.text


# Start and stop


def test_nothing_runs_before_it_is_open(tmp_path: Path, stack: ExitStack) -> None:
    office = Office(tmp_path, stack)
    office.accept("a")
    office.accept("b")
    assert office.submitted() == []
    office.open()
    assert office.submitted() == ["a"]


def test_what_was_in_flight_is_taken_up_in_the_order_of_acceptance_ahead_of_what_comes_now(
    tmp_path: Path, stack: ExitStack
) -> None:
    last = Office(tmp_path, stack)
    last.accept("z")
    last.accept("a")
    office = Office(tmp_path, stack)
    office.router.recover(office.ledger.load().open)
    office.accept("m")
    office.open()
    for message_id in "zam":
        turn = office.next_turn()
        assert turn.id == message_id
        office.end(turn)
    records = [office.record(message_id)["seq"] for message_id in "zam"]
    assert records == sorted(set(records))


def test_a_turn_that_runs_already_comes_first_and_is_not_sent_again(tmp_path: Path, stack: ExitStack) -> None:
    last = Office(tmp_path, stack)
    for message_id in "abc":
        last.accept(message_id)
    last.accept("d", session="other")
    office = Office(tmp_path, stack)
    turns = {turn.id: turn for turn in office.ledger.load().open}
    office.router.recover(list(turns.values()))
    turns["b"].begun = office.clock.monotonic()
    office.open(turns["b"])
    assert office.progress("b") == ("running", 1)
    assert office.submitted() == ["d"]
    office.end(turns["b"])
    assert office.submitted() == ["a"]


def test_one_that_was_cancelled_before_its_container_was_found_is_not_taken_up_again(
    tmp_path: Path, stack: ExitStack
) -> None:
    last = Office(tmp_path, stack)
    last.accept("a")
    last.accept("b", session="other")
    office = Office(tmp_path, stack)
    turns = {turn.id: turn for turn in office.ledger.load().open}
    office.router.recover(list(turns.values()))
    assert office.router.cancel("a")
    office.open(turns["a"])
    assert office.submitted() == ["b"]
    office.end(turns["a"])  # its container comes to an end; the reply that is out stays
    assert office.submitted() == []


@pytest.mark.parametrize("begun", [False, True])
def test_one_whose_container_ends_before_it_is_open_runs_again_when_it_is(
    tmp_path: Path, stack: ExitStack, begun: bool
) -> None:
    """It was taken over, and its agent has handed it back while others were still being taken over."""
    last = Office(tmp_path, stack)
    last.accept("a")
    last.accept("b")
    office = Office(tmp_path, stack)
    turns = {turn.id: turn for turn in office.ledger.load().open}
    office.router.recover(list(turns.values()))
    office.lose(turns["b"], begun=begun)
    office.open(turns["b"])
    again = office.next_turn()
    assert (again.id, again.attempt) == ("b", 2 if begun else 1)
    office.end(again)
    assert office.next_turn().id == "a"


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_of_two_that_run_in_one_session_neither_is_sent_again_whichever_ends_first(
    tmp_path: Path, stack: ExitStack, order: str
) -> None:
    """The reply to the first had not been stored when the last process ended, and the second had been sent."""
    last = Office(tmp_path, stack)
    for message_id in "abc":
        last.accept(message_id)
    office = Office(tmp_path, stack)
    turns = {turn.id: turn for turn in office.ledger.load().open}
    office.router.recover(list(turns.values()))
    office.open(turns["a"], turns["b"])
    office.end(turns[order[0]])
    assert office.submitted() == []
    office.end(turns[order[1]])
    assert office.submitted() == ["c"]


def test_after_close_turns_may_end_and_none_begins(office: Office) -> None:
    for message_id in "ab":
        office.accept(message_id)
    office.accept("c", session="other")
    first, other = office.next_turn(), office.next_turn()
    office.router.close()
    office.end(first)
    office.lose(other, begun=False)
    office.accept("d", session="third")
    assert office.answers() == [("a", DONE)]
    assert office.submitted() == []
    assert office.record("d")["message"]["text"] == "hello"  # the next start runs it


def test_a_turn_that_was_handed_back_after_close_can_still_be_cancelled(office: Office) -> None:
    office.accept("a")
    turn = office.next_turn()
    office.router.close()
    office.lose(turn, begun=False)
    assert office.progress("a") == ("queued", 1)
    assert office.router.cancel("a")
    assert office.answers() == [("a", CANCELLED)]
