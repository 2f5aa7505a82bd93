"""One id is one message: who gets which id, and what is refused. Seen through the router, as by whoever sends."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier

import pytest

from openclaw.errors import IdConflict, NotDurable, QueueFull, UnknownGroup
from openclaw.message import is_name
from openclaw.routing import reservations as module
from openclaw.routing.desk import Draft, Receipt
from openclaw.routing.ledger import Remembered
from tests.routing.conftest import Office, again, draft
from tests.support.file_events import FileEvents
from tests.support.slow_dir import give_back, take_away

# What is taken


def test_a_message_is_on_the_disk_when_its_receipt_comes(office: Office) -> None:
    assert office.accept("a") == Receipt("a", duplicate=False)
    assert office.record("a")["message"]["text"] == "hello"


def test_one_without_an_id_gets_one_of_its_own(office: Office) -> None:
    first, second = office.accept(), office.accept()
    assert is_name(first.id)
    assert first.id != second.id
    assert office.record(first.id)["message"]["text"] == "hello"


def test_an_unknown_group_is_refused_and_leaves_nothing(office: Office) -> None:
    with pytest.raises(UnknownGroup, match="known: main"):
        office.accept("a", group="nobody")
    assert os.listdir(office.work.path) == []
    assert len(office.reservations) == 0


def test_a_full_queue_refuses_until_somebody_is_settled(tmp_path: Path, stack: ExitStack) -> None:
    office = Office(tmp_path, stack, limit=1)
    office.open()
    office.accept("a")
    with pytest.raises(QueueFull, match="QUEUE_LIMIT"):
        office.accept("b")
    turn = office.next_turn()
    office.end(turn)
    with pytest.raises(QueueFull):
        office.accept("b")  # the answer is not out yet
    office.settle(turn)
    assert office.accept("b").id == "b"


# The same id


def test_the_same_message_again_is_one_message(office: Office) -> None:
    office.accept("a")
    assert office.accept("a") == Receipt("a", duplicate=True)
    assert office.submitted() == ["a"]


def test_an_id_in_flight_is_refused_to_another_message(office: Office) -> None:
    office.accept("a")
    with pytest.raises(IdConflict, match="in use"):
        office.accept("a", "something else")


def test_of_many_at_the_same_moment_one_is_taken_and_the_others_are_told_of_it(office: Office) -> None:
    office.work.hold()
    together = Barrier(8)

    def send(_: int) -> Receipt:
        together.wait(10)
        return office.accept("a")

    with ThreadPoolExecutor(8) as pool:
        sent = pool.map(send, range(8))
        office.work.wait_held()
        office.work.release()
        receipts = list(sent)
    assert sorted(receipts) == [Receipt("a", duplicate=False)] + 7 * [Receipt("a", duplicate=True)]
    assert office.submitted() == ["a"]


def test_a_conflict_is_told_while_the_first_is_still_being_stored(office: Office) -> None:
    office.work.hold()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(office.accept, "a")
        office.work.wait_held()
        with pytest.raises(IdConflict):
            office.accept("a", "something else")
        office.work.release()
        assert first.result(10) == Receipt("a", duplicate=False)


def test_an_answered_id_is_known_to_the_same_message_and_refused_to_another(office: Office) -> None:
    office.accept("a")
    turn = office.next_turn()
    office.end(turn)
    office.settle(turn)
    assert office.accept("a") == Receipt("a", duplicate=True)
    with pytest.raises(IdConflict, match="was used"):
        office.accept("a", "something else")
    assert office.submitted() == []
    assert len(office.reservations) == 0


def test_the_next_process_knows_what_the_last_one_took_and_answered(tmp_path: Path, stack: ExitStack) -> None:
    last = Office(tmp_path, stack)
    last.open()
    last.accept("answered")
    last.settle(last.next_turn())
    last.accept("open")
    office = Office(tmp_path, stack)
    office.router.recover(office.ledger.load().open)
    for message_id in ("answered", "open"):
        assert office.accept(message_id) == Receipt(message_id, duplicate=True)
        with pytest.raises(IdConflict):
            office.accept(message_id, "something else")


# A disk that does not take it


def test_what_cannot_be_stored_is_refused_and_its_id_is_free_again(office: Office) -> None:
    take_away(office.work.path)
    with pytest.raises(NotDurable, match="Not a directory"):
        office.accept("a")
    give_back(office.work.path)
    assert office.accept("a", "something else") == Receipt("a", duplicate=False)
    assert office.submitted() == ["a"]


def test_a_disk_that_is_too_slow_refuses_and_what_comes_late_is_withdrawn(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_TIMEOUT", 0.0)
    office.work.hold()
    with closing(FileEvents(office.work.path)) as events:
        with pytest.raises(NotDurable, match="too slow"):
            office.accept("a")
        office.work.wait_held()
        with pytest.raises(IdConflict):
            office.accept("a", "something else")  # its file may still come
        office.work.release()
        events.until(lambda: os.listdir(office.work.path) == [])
    assert office.submitted() == []


def test_one_that_was_withdrawn_frees_its_id(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.work.hold()
    with monkeypatch.context() as impatient:
        impatient.setattr(module, "STORE_TIMEOUT", 0.0)
        with pytest.raises(NotDurable):
            office.accept("a")
    office.work.release()
    office.accept("b")  # the committer has come past the first one
    assert office.accept("a", "something else") == Receipt("a", duplicate=False)
    assert office.record("a")["message"]["text"] == "something else"


def test_of_one_message_sent_twice_neither_is_taken_where_the_disk_fails(office: Office) -> None:
    take_away(office.work.path)
    first, second = office.drop(draft("x", message_id="a", inode=1), draft("y", message_id="a", inode=2))
    assert isinstance(first, NotDurable)
    assert isinstance(second, NotDurable)


def test_a_damaged_file_under_the_id_is_not_overwritten(office: Office) -> None:
    office.work.place("a.json", b"what is this")
    with pytest.raises(NotDurable, match="damaged"):
        office.accept("a")
    assert (office.work.path / "a.json").read_bytes() == b"what is this"
    assert len(office.reservations) == 0


def test_an_outbox_that_cannot_be_read_refuses_and_the_id_is_free_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_name: str, _limit: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(office.outbox, "read", failing)
        with pytest.raises(NotDurable, match="ipc/outbox cannot be read"):
            office.accept("a")
    assert office.accept("a") == Receipt("a", duplicate=False)


def test_what_is_no_reply_of_ours_still_takes_its_id(office: Office) -> None:
    (office.outbox.path / "a.json").mkdir()
    with pytest.raises(IdConflict):
        office.accept("a")


# Dropped files


def while_looking(office: Office, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have something done after the next look into the outbox, before what was found there is known."""
    look, acts = office.ledger.remembered, [act]

    def looked(message_id: str) -> Remembered | None:
        found = look(message_id)
        while acts:
            acts.pop()()
        return found

    monkeypatch.setattr(office.ledger, "remembered", looked)


def test_a_message_that_was_answered_gets_its_receipt_while_a_file_of_its_name_looks_for_an_id(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.accept("note")
    office.settle(office.next_turn())
    receipts: list[Receipt] = []
    with ThreadPoolExecutor(1) as pool:
        while_looking(
            office, monkeypatch, lambda: receipts.append(pool.submit(office.accept, "note").result(timeout=60))
        )
        assert office.drop(draft("note")) == [Receipt("note-2", duplicate=False)]
    assert receipts == [Receipt("note", duplicate=True)]


def test_an_id_that_is_answered_while_a_file_looks_for_one_is_not_given_to_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered() -> None:
        office.accept("note")
        office.settle(office.next_turn())

    while_looking(office, monkeypatch, answered)
    assert office.drop(draft("note")) == [Receipt("note-2", duplicate=False)]


def test_a_dropped_file_takes_its_stem_or_the_first_free_number(office: Office) -> None:
    office.accept("note")
    office.accept("note-2")
    receipts = office.drop(*(draft("note", f"text {inode}", inode=inode) for inode in (1, 2)), draft("other"))
    assert [receipt.id for receipt in receipts] == ["note-3", "note-4", "other"]


def test_an_answered_stem_is_taken_too(office: Office) -> None:
    office.drop(draft("note", inode=1))
    office.settle(office.next_turn())
    assert office.drop(draft("note", inode=2)) == [Receipt("note-2", duplicate=False)]


def test_a_message_of_the_same_text_in_another_file_is_another_message(office: Office) -> None:
    assert office.drop(draft("note", inode=1), draft("note", inode=2)) == [
        Receipt("note", duplicate=False), Receipt("note-2", duplicate=False),
    ]  # fmt: skip


def test_a_dropped_file_that_names_its_id_gets_that_one(office: Office) -> None:
    assert office.drop(draft("note", message_id="a")) == [Receipt("a", duplicate=False)]
    (conflict,) = office.drop(draft("note", "something else", message_id="a"))
    assert isinstance(conflict, IdConflict)


def test_a_file_that_is_offered_again_gets_the_receipt_of_then(office: Office) -> None:
    office.accept("note")
    assert office.drop(draft("note")) == [Receipt("note-2", duplicate=False)]
    assert office.drop(again(draft("note"))) == [Receipt("note-2", duplicate=True)]
    for _ in range(2):
        turn = office.next_turn()
        office.end(turn)
        office.settle(turn)
    assert office.drop(again(draft("note"))) == [Receipt("note-2", duplicate=True)]


def test_the_same_file_dropped_anew_is_a_message_of_its_own(office: Office) -> None:
    receipts = [office.drop(draft("note"))[0] for _ in range(3)]  # as by `ln`, from one template
    assert receipts == [Receipt(new, duplicate=False) for new in ("note", "note-2", "note-3")]


def test_a_file_that_is_offered_again_to_the_next_process_too(tmp_path: Path, stack: ExitStack) -> None:
    last = Office(tmp_path, stack)
    last.open()
    last.drop(draft("answered"))
    last.settle(last.next_turn())
    last.drop(draft("open", inode=1), draft("open", inode=2))
    office = Office(tmp_path, stack)
    office.router.recover(office.ledger.load().open)
    receipts = office.drop(*map(again, (draft("open", inode=2), draft("answered"), draft("open", inode=1))))
    assert receipts == [Receipt(known, duplicate=True) for known in ("open-2", "answered", "open")]


def test_files_of_one_stem_that_are_offered_again_get_their_receipts_of_then(office: Office) -> None:
    first, second = draft("note", "one", inode=1), draft("note", "two", inode=2)
    office.drop(first, second)
    known = [Receipt("note", duplicate=True), Receipt("note-2", duplicate=True)]
    assert office.drop(again(first), again(second)) == known


def test_a_file_that_a_slow_disk_has_not_taken_yet_has_no_receipt_when_it_is_offered_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_TIMEOUT", 0.0)
    office.work.hold()
    for offered in (draft("note"), again(draft("note"))):
        (refused,) = office.drop(offered)
        assert isinstance(refused, NotDurable)
        office.work.wait_held()
    office.work.release()


def test_a_stem_under_which_work_has_a_damaged_file_is_taken(office: Office) -> None:
    office.work.place("note.json", b"what is this")
    assert office.drop(draft("note")) == [Receipt("note-2", duplicate=False)]


def test_what_is_accepted_runs_whatever_becomes_of_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = office.reservations.reserve_draft

    def failing(offered: Draft) -> object:
        if offered.stem == "bad":
            raise OSError(5, "Input/output error")
        return reserve(offered)

    monkeypatch.setattr(office.reservations, "reserve_draft", failing)
    _, bad, _ = office.drop(draft("a"), draft("bad"), draft("c", session="other"))
    assert isinstance(bad, NotDurable)
    assert office.submitted() == ["a", "c"]


def test_an_id_whose_message_could_not_be_written_is_free_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(office.ledger, "store", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            office.accept("a")
    assert office.accept("a") == Receipt("a", duplicate=False)


def test_a_refused_file_does_not_hold_up_the_others(office: Office) -> None:
    first, second, third = office.drop(draft("a"), draft("b", group="nobody"), draft("c"))
    assert isinstance(second, UnknownGroup)
    assert [first.id, third.id] == ["a", "c"]
    assert office.submitted() == ["a"]  # c is of the same session


def test_files_are_taken_in_the_order_in_which_they_are_handed_over(office: Office) -> None:
    office.drop(*(draft(stem) for stem in "zya"))
    records = [office.record(stem)["seq"] for stem in "zya"]
    assert records == sorted(records)
