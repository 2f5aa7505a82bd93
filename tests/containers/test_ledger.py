"""Many hints about a container, one Exit."""

from __future__ import annotations

from openclaw.containers.ledger import ExitLedger
from openclaw.containers.runtime import Exit

KILLED = Exit("main", 137, "")
VANISHED = Exit("main", None, "it was removed")


def running() -> ExitLedger:
    ledger = ExitLedger()
    ledger.starting("main")
    ledger.started("id1", "main")
    return ledger


def test_an_exit_is_told_once() -> None:
    ledger = running()

    assert ledger.ended("id1", KILLED) == KILLED
    assert ledger.ended("id1", KILLED) is None
    assert ledger.gone({"id1"}, ()) == []


def test_an_exit_before_its_start_has_returned_waits_for_it() -> None:
    ledger = ExitLedger()
    ledger.starting("main")

    assert ledger.ended("id1", KILLED) is None
    assert ledger.seen_running("id1", "main") is None, "a look meanwhile changes nothing"
    assert ledger.started("id1", "main") == KILLED


def test_an_exit_between_a_look_and_what_it_learns_is_not_lost() -> None:
    ledger = ExitLedger()

    assert ledger.ended("id1", KILLED) is None
    assert ledger.seen_running("id1", "main") == KILLED


def test_a_look_that_is_older_than_the_exit_does_not_revive() -> None:
    ledger = running()
    ledger.ended("id1", KILLED)

    assert ledger.seen_running("id1", "main") is None
    assert ledger.running() == frozenset()


def test_what_a_look_does_not_list_any_more_is_gone() -> None:
    ledger = running()

    assert ledger.gone(ledger.running(), ()) == [VANISHED]


def test_what_was_started_after_the_look_is_not_gone() -> None:
    ledger = running()

    assert ledger.gone(frozenset(), ()) == []
    assert ledger.running() == {"id1"}


def test_a_start_that_failed_is_never_told() -> None:
    ledger = ExitLedger()
    ledger.starting("main")
    ledger.ended("id1", KILLED)
    ledger.not_started("main")

    ledger.starting("main")
    assert ledger.started("id2", "main") is None
