"""Times over the last hours: right within their steps, by route, and never more of them than there are periods."""

from __future__ import annotations

import random
from typing import Any

import pytest

from openclaw.observe.times import PERIOD, PERIODS, Spread, Times
from tests.support.clock import FakeClock


def reply(total: int = 10, route: str = "persistent", **changes: Any) -> dict[str, Any]:
    timing = {"prepTime": 1, "agentTime": total - 1, "totalTime": total}
    return {"status": "done", "route": route, "timing": timing, **changes}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def times(clock: FakeClock) -> Times:
    return Times(clock)


@pytest.mark.parametrize("value", [0, 1, 2, 7, 49, 1234, 987_654, 36_000_000])
def test_a_single_value_is_its_own_median_within_its_step(value: int) -> None:
    spread = Spread()
    spread.add(value)

    assert spread.quantile(0.5) == pytest.approx(value, rel=0.026, abs=0.5)


def test_quantiles_are_those_of_the_values_within_a_step() -> None:
    rng = random.Random(7)
    values = sorted(round(rng.lognormvariate(6, 1.5)) + 1 for _ in range(5000))
    spread = Spread()
    for value in values:
        spread.add(value)

    for share in (0.01, 0.5, 0.95, 1.0):
        exact = values[max(0, round(share * len(values)) - 1)]
        assert spread.quantile(share) == pytest.approx(exact, rel=0.03, abs=1)


def test_of_no_value_there_is_no_quantile() -> None:
    assert Spread().quantile(0.5) == 0


def test_replies_are_counted_by_route(times: Times) -> None:
    times.add(reply(100))
    times.add(reply(100, status="failed"))
    times.add(reply(3000, "dedicated"))

    rows = {row["route"]: row for row in times.all()["rows"]}
    assert (rows["persistent"]["count"], rows["persistent"]["failed"]) == (2, 1)
    assert rows["dedicated"]["totalTime"]["p95"] == pytest.approx(3000, rel=0.026)
    assert rows["persistent"]["prepTime"] == {"p50": 1, "p95": 1}


def test_tokens_are_summed(times: Times) -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 1, "cache_creation_input_tokens": 3}
    times.add(reply(usage=usage))
    times.add(reply(usage=usage))
    times.add(reply())

    assert times.latest()["rows"][0]["tokens"] == {kind: 2 * count for kind, count in usage.items()}


def test_each_period_has_its_own_rows_and_the_latest_is_told_alone(times: Times, clock: FakeClock) -> None:
    times.add(reply())
    clock.advance(PERIOD)
    assert times.latest()["rows"] == []
    times.add(reply())

    assert [row["at"] % PERIOD for row in times.all()["rows"]] == [0, 0]
    assert len(times.latest()["rows"]) == 1


def test_what_is_older_than_the_ring_is_gone(times: Times, clock: FakeClock) -> None:
    for _ in range(PERIODS + 10):
        times.add(reply())
        clock.advance(PERIOD)

    assert len(times.all()["rows"]) <= PERIODS
    assert len(times._periods) == PERIODS
    clock.advance(PERIOD * PERIODS)
    assert times.all()["rows"] == []


def test_a_clock_that_is_set_back_loses_nothing(times: Times, clock: FakeClock) -> None:
    times.add(reply())
    clock.set_date(clock.time() - 10 * PERIOD)
    times.add(reply())

    assert [row["count"] for row in times.all()["rows"]] == [2]
