"""Containers that wait warm: how many, until when, and what happens when they end before they are of use."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw.agents.job import Job
from openclaw.agents.standby import FIRST_PAUSE, LONGEST_PAUSE, Standby
from openclaw.containers.runtime import ContainerSpec
from tests.support.bare_attachment import bare_attachment
from tests.support.clock import FakeClock, ManualTimers
from tests.support.specs import make_spec


class Yard:
    """Where standby containers are launched and removed, by hand."""

    def __init__(self, home: Path, size: int = 2) -> None:
        self.spec = make_spec(home, "standby")
        self.alarms = ManualTimers(FakeClock())
        self.launched: list[Job] = []
        self.removed: list[Job] = []
        self.can_launch = True
        self._numbers = itertools.count()
        self.standby = Standby(
            size, spec=lambda: self.spec, launch=self._launch, remove=self.removed.append, later=self.alarms.call_later
        )
        self.standby.open()

    def _launch(self) -> Job | None:
        if not self.can_launch:
            return None
        cid = f"c{next(self._numbers)}"
        spec: ContainerSpec = replace(self.spec, cid=cid, name=f"x-{cid}")
        attachment = bare_attachment(cid)
        self.launched.append(Job(spec.name, attachment, spec=spec))
        return self.launched[-1]

    def warm(self) -> None:
        for job in self.launched:
            self.standby.warmed(job)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_as_many_as_wanted_are_started_and_only_warm_ones_are_given(yard: Yard) -> None:
    assert len(yard.launched) == 2
    assert yard.standby.take() is None
    yard.standby.warmed(yard.launched[1])
    assert yard.standby.take() is yard.launched[1]


def test_one_that_is_taken_is_replaced_and_never_given_again(yard: Yard) -> None:
    yard.warm()
    taken = yard.standby.take()
    yard.standby.refill()
    assert taken is not None
    assert len(yard.launched) == 3
    assert not yard.standby.has(taken)
    assert yard.standby.take() is not taken


def test_one_that_ends_is_replaced_after_a_growing_pause(yard: Yard) -> None:
    for number in range(10):
        yard.standby.lost(yard.launched[-1])
        pause = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)
        assert yard.alarms.delays() == [pause]
        yard.alarms.advance(pause)
        assert len(yard.launched) == 3 + number


def test_an_image_that_is_broken_for_days_is_still_tried(yard: Yard) -> None:
    for _ in range(2000):
        yard.standby.lost(yard.launched[-1])
        yard.alarms.advance(LONGEST_PAUSE)
    assert len(yard.launched) == 2002


def test_one_that_has_served_shows_that_they_are_good(yard: Yard) -> None:
    yard.standby.lost(yard.launched[0])
    yard.alarms.advance(FIRST_PAUSE)
    yard.warm()
    yard.standby.take()
    yard.standby.lost(yard.launched[-1])
    assert yard.alarms.delays() == [FIRST_PAUSE]


def test_older_settings_are_not_given_but_replaced(yard: Yard) -> None:
    yard.warm()
    yard.spec = replace(yard.spec, memory_mb=99)
    assert yard.standby.take() is None
    yard.standby.refill()
    assert yard.removed == yard.launched[:2]
    assert len(yard.launched) == 4
    yard.warm()
    taken = yard.standby.take()
    yard.standby.refill()
    assert taken is not None
    assert taken.spec is not None
    assert taken.spec.memory_mb == 99


def test_another_image_replaces_all_of_them(yard: Yard) -> None:
    yard.standby.warmed(yard.launched[0])
    yard.standby.refresh()
    assert set(map(id, yard.removed)) == set(map(id, yard.launched[:2]))
    assert len(yard.launched) == 4


def test_while_the_engine_is_away_none_is_started_and_all_when_it_is_back(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    for job in list(yard.launched):
        yard.standby.lost(job)
    yard.can_launch = False
    yard.alarms.advance(FIRST_PAUSE)
    assert len(yard.launched) == 2
    yard.can_launch = True
    yard.standby.engine_up()
    assert len(yard.launched) == 4


def test_closed_it_keeps_none(yard: Yard) -> None:
    yard.warm()
    yard.standby.close()
    assert yard.removed == yard.launched[:2]
    assert yard.standby.take() is None
    assert len(yard.launched) == 2


def test_none_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    yard = Yard(tmp_path, size=0)
    assert yard.launched == []
    assert yard.standby.take() is None
