"""One message's events: how they are numbered, what a reader at any place is told, and what is let go of."""

from __future__ import annotations

import gc
import itertools
import tracemalloc

import pytest

from openclaw.delivery.event_log import EventLog
from openclaw.delivery.sent_event import Position, SentEvent

ALL = 1_000_000


@pytest.fixture
def log() -> EventLog:
    return EventLog("a")


def _deltas(log: EventLog, first: int, last: int, *, attempt: int = 1) -> None:
    """Line 7 says "7 "."""
    for number in range(first, last + 1):
        log.line(attempt, number, {"kind": "delta", "text": f"{number} "})


def _told(log: EventLog, after: str = "") -> list[SentEvent]:
    """All that a reader is told who has seen the event of that id."""
    return [kept.sent() for kept in log.after(log.resume(Position.parse(after)), ALL)]


def _ids(log: EventLog, after: str = "") -> list[str]:
    return [event.id for event in _told(log, after)]


def _text(events: list[SentEvent]) -> str:
    """What a reader shows: the deltas since the text was told to begin."""
    shown = ""
    for event in events:
        shown = "" if event.name == "started" else shown + event.data.get("text", "")
    return shown


def test_events_bear_the_line_of_the_containers_file_and_count_the_hosts_own_after_it(log: EventLog) -> None:
    log.started(1, "persistent")
    log.line(1, 1, {"kind": "delta", "text": "he"})
    log.line(1, 2, {"kind": "tool", "name": "Bash", "detail": "ls"})
    log.line(1, 3, {"kind": "tool", "name": "Read"})
    log.subagent({"id": "a.s1", "status": "queued"})
    log.subagent({"id": "a.s1", "status": "running"})
    log.message({"id": "a.m1", "session": "default", "text": "soon"})
    log.line(1, 4, {"kind": "delta", "text": "llo"})
    log.finish()
    assert _told(log) == [
        SentEvent("0.1", "queued", {"id": "a"}),
        SentEvent("0.2", "started", {"id": "a", "attempt": 1, "route": "persistent"}),
        SentEvent("1.0", "delta", {"text": "he"}),
        SentEvent("2.0", "tool", {"name": "Bash", "detail": "ls"}),
        SentEvent("3.0", "tool", {"name": "Read", "detail": ""}),
        SentEvent("3.1", "subagent", {"id": "a.s1", "status": "queued"}),
        SentEvent("3.2", "subagent", {"id": "a.s1", "status": "running"}),
        SentEvent("3.3", "message", {"id": "a.m1", "session": "default", "text": "soon"}),
        SentEvent("4.0", "delta", {"text": "llo"}),
        SentEvent("4.1", "done", {}),
    ]


@pytest.mark.parametrize(
    ("after", "first"),
    [("", "0.1"), ("0.1", "0.2"), ("0.2", "1.0"), ("2.0", "3.0"), ("10.0", "11.0"), ("no", "0.1"), ("-1.0", "0.1")],
)
def test_reading_goes_on_behind_the_event_that_was_seen(log: EventLog, after: str, first: str) -> None:
    log.started(1, "persistent")
    _deltas(log, 1, 12)
    assert _ids(log, after)[0] == first


def test_at_most_so_many_events_are_had_at_once(log: EventLog) -> None:
    log.started(1, "persistent")
    _deltas(log, 1, 9)
    assert [str(kept.position) for kept in log.after(Position.parse("2.0"), 3)] == ["3.0", "4.0", "5.0"]


def test_a_file_that_is_read_again_gives_the_same_ids_and_nothing_twice(log: EventLog) -> None:
    log.started(1, "persistent")
    _deltas(log, 1, 3)
    before = _ids(log)
    _deltas(log, 1, 4)
    assert _ids(log) == [*before, "4.0"]
    again = EventLog("a")  # of a host that was restarted
    again.started(1, "persistent")
    _deltas(again, 1, 4)
    assert _told(again) == _told(log)


def test_lines_that_are_found_before_the_turn_is_known_to_have_begun_are_told_after_that(log: EventLog) -> None:
    _deltas(log, 1, 2)
    assert _ids(log) == ["0.1"]
    log.started(1, "persistent")
    assert _ids(log) == ["0.1", "0.2", "1.0", "2.0"]


def test_what_the_host_tells_after_a_restart_is_new_to_whoever_was_told_something_else_by_the_last_one(
    log: EventLog,
) -> None:
    log.started(1, "persistent")
    assert log.resume(Position.parse("0.4")) == Position.parse("0.2")
    _deltas(log, 1, 7)
    reader = log.resume(Position.parse("7.2"))  # "queued" and "running", say, which nobody tells again
    log.subagent({"id": "a.s1", "status": "done"})
    assert [kept.sent().data["status"] for kept in log.after(reader, ALL)] == ["done"]
    assert log.resume(Position.parse("7.1")) == Position.parse("7.1")  # this one is known here


# The end


def test_after_the_end_nothing_comes(log: EventLog) -> None:
    log.started(1, "persistent")
    log.finish()
    assert _ids(log) == ["0.1", "0.2", "0.3"]
    assert _told(log, "0.3") == []


def test_a_message_that_never_began_ends_all_the_same(log: EventLog) -> None:
    log.finish()
    assert [event.name for event in _told(log, "0.1")] == ["done"]


def test_the_end_is_told_even_to_one_who_has_seen_more_than_is_known(log: EventLog) -> None:
    log.finish()  # after a restart, before the file was read again
    assert [event.name for event in _told(log, "2-7.3")] == ["done"]


@pytest.mark.parametrize("after", ["", "0.2", "900000.1", "2-0.2", "2-12.1"])
def test_of_a_message_that_is_not_kept_there_is_the_end_alone(after: str) -> None:
    log = EventLog.of_finished("a")
    (event,) = _told(log, after)
    assert event.name == "done"
    assert _told(log, event.id) == []


# A second attempt


def test_a_second_attempt_comes_after_all_of_the_first_which_is_let_go_of(log: EventLog) -> None:
    log.started(1, "persistent")
    _deltas(log, 1, 9)
    size = log.size
    log.started(2, "dedicated")
    _deltas(log, 1, 2, attempt=2)
    log.subagent({"id": "a.s1", "status": "queued"})
    assert _ids(log, "9.0") == ["2-0.2", "2-1.0", "2-2.0", "2-2.1"]
    assert _told(log, "9.0")[0].data["attempt"] == 2
    assert _ids(log) == ["0.1", "2-0.2", "2-1.0", "2-2.0", "2-2.1"]
    assert log.size < size


def test_what_comes_late_of_the_first_attempt_is_let_be(log: EventLog) -> None:
    _deltas(log, 1, 1, attempt=2)
    log.started(1, "persistent")
    _deltas(log, 1, 9)
    assert _ids(log, "0.1") == []
    log.started(2, "dedicated")
    log.started(1, "persistent")
    assert _ids(log, "0.1") == ["2-0.2", "2-1.0"]


# Folded


def test_a_late_reader_gets_what_was_folded_as_one_delta(log: EventLog) -> None:
    log.started(1, "persistent")
    _deltas(log, 1, 1000)
    whole = _text(_told(log))
    log.shrink(log.size // 2)
    told = _told(log)
    assert len(told) < 600
    assert [event.name for event in told[:4]] == ["queued", "started", "delta", "delta"]
    assert _text(told) == whole
    folded = 1000 - len(told[3:])
    assert [event.id for event in told[2:]] == [f"{number}.0" for number in range(folded, 1001)]
    assert _told(log, f"{folded}.0") == told[3:]


def test_folding_again_and_again_loses_nothing_of_the_text(log: EventLog) -> None:
    log.started(1, "persistent")
    for first in range(1, 5000, 100):
        _deltas(log, first, first + 99)
        log.shrink(100_000)
    assert _text(_told(log)) == "".join(f"{number} " for number in range(1, 5001))


@pytest.mark.parametrize("seen", ["0.1", "0.2", "5.0", "300.0", "990.0"])
def test_whoever_was_in_the_middle_of_what_is_folded_shows_the_same_text_in_the_end(log: EventLog, seen: str) -> None:
    log.started(1, "persistent")
    _deltas(log, 1, 1000)
    whole = _told(log)
    so_far = list(itertools.takewhile(lambda event: Position.parse(event.id) <= Position.parse(seen), whole))
    log.shrink(log.size // 2)
    told = _told(log, seen)
    assert _text(so_far + told) == _text(whole)
    again = [event for event in told if event.name == "started"]
    assert len(again) == (seen in ("0.1", "5.0", "300.0"))  # not for one who is behind it, or has nothing shown


def test_a_reader_whose_connection_breaks_in_what_was_folded_is_told_it_again(log: EventLog) -> None:
    log.started(1, "persistent")
    log.line(1, 1, {"kind": "delta", "text": "one "})
    log.subagent({"id": "a.s1", "status": "queued"})
    _deltas(log, 2, 1000)
    whole = _text(_told(log))
    log.shrink(log.size // 2)
    told = _told(log)
    for length in range(1, 5):
        assert _text(told[:length] + _told(log, told[length - 1].id)) == whole


def test_of_subagents_the_last_state_stays_and_of_tools_and_messages_nothing(log: EventLog) -> None:
    log.started(1, "persistent")
    for number, status in enumerate(("queued", "running", "done"), start=1):
        log.subagent({"id": "a.s1", "status": status})
        log.line(1, number, {"kind": "tool", "name": "Bash"})
        log.message({"id": f"a.m{number}", "session": "default", "text": "x"})
    log.subagent({"id": "a.s2", "status": "queued"})
    log.shrink(0)
    size = log.size
    log.subagent({"id": "a.s1", "status": "done"})
    log.shrink(0)
    assert log.size == size
    events = [(event.name, event.data.get("id"), event.data.get("status")) for event in _told(log, "0.2")]
    assert events == [("subagent", "a.s1", "done"), ("subagent", "a.s2", "queued"), ("delta", None, None)]


def test_text_beyond_the_bound_is_cut_at_its_beginning_and_the_reader_is_told_how_much(log: EventLog) -> None:
    log.started(1, "persistent")
    letters = [chr(ord("a") + number) * 1000 for number in range(26)]
    for number, text in enumerate(letters, start=1):
        log.line(1, number, {"kind": "delta", "text": text})
        log.shrink(10_000)
    told = _told(log, "0.2")
    assert "".join(letters).endswith(_text(told))
    assert told[0].data["cut"] == 26_000 - len(_text(told)) > 0
    assert log.size <= 10_000


def test_a_second_attempt_knows_nothing_of_what_was_folded(log: EventLog) -> None:
    log.started(1, "persistent")
    log.subagent({"id": "a.s1", "status": "queued"})
    _deltas(log, 1, 100)
    log.shrink(2000)
    log.started(2, "dedicated")
    _deltas(log, 1, 1, attempt=2)
    assert [event.name for event in _told(log, "50.0")] == ["started", "delta"]
    log.shrink(log.size - 1)
    assert _told(log, "50.0")[1] == SentEvent("2-1.0", "delta", {"text": "1 "})


@pytest.mark.parametrize("text", ["x", "x" * 50, "é" * 50, "😀" * 50, "x" * 5000], ids=["1", "50", "é", "😀", "5000"])
def test_the_size_that_it_tells_is_about_what_it_takes(text: str) -> None:
    gc.collect()
    tracemalloc.start()
    log = EventLog("a")
    log.started(1, "persistent")
    for number in range(1000, 2000):
        log.line(1, number, {"kind": "delta", "text": text + str(number)})
    taken = tracemalloc.get_traced_memory()[0]
    size = log.size
    log.shrink(size // 2)
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken * 0.9 < size < taken * 1.4
    assert left * 0.9 < log.size <= size // 2
    log.shrink(0)
    assert log.size < 2000
