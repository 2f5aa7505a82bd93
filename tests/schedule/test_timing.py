"""When tasks are due: by cron in many zones against a slow search, by intervals, and once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from openclaw.errors import InvalidTask
from openclaw.schedule.timing import LONGEST, Once, timing_of, upcoming
from openclaw.schedule.zone import Zone, to_seconds
from tests.schedule.slow_cron import slow_times

NOW = to_seconds(datetime(2026, 11, 28, 6, 17))

YEARS = [
    ("Europe/Berlin", 2026),
    ("America/New_York", 2026),
    ("Australia/Lord_Howe", 2026),  # its change is of half an hour
    ("Pacific/Apia", 2011),  # without 30 December, and with changes of an hour
    ("UTC", 2026),
]
ALWAYS = ["30 2 * * *", "*/20 * * * *", "45 1,2 * * *", "*/15 1-3 * * *", "17 * * * *", "0 0 * * *", "59 23 30 12 *"]


def expressions(seed: int, count: int) -> list[str]:
    """Expressions of all kinds, the hours of clock changes among them more often than others."""
    rng = random.Random(seed)

    def field(low: int, high: int, star: float) -> str:
        if rng.random() < star:
            return rng.choice(["*", "*", f"*/{rng.randint(2, 9)}"])
        first = rng.randint(low, high)
        last = rng.randint(first, high)
        return rng.choice([f"{first}", f"{first}-{last}", f"{first}-{last}/{rng.randint(1, 7)}", f"{first},{last}"])

    def hour() -> str:
        return rng.choice([field(0, 23, 0.5), field(0, 3, 0.2), rng.choice(["0", "1", "2", "3", "1-3", "23"])])

    return [
        f"{field(0, 59, 0.4)} {hour()} {field(1, 31, 0.6)} {field(1, 12, 0.7)} {field(0, 7, 0.6)}" for _ in range(count)
    ]


def comes(text: str) -> bool:
    try:
        timing_of("cron", text, Zone("UTC"), NOW)
    except InvalidTask:
        return False
    return True


@pytest.mark.parametrize(("zone", "year"), YEARS)
def test_every_due_time_of_a_year_is_the_one_that_a_search_minute_by_minute_finds(zone: str, year: int) -> None:
    first, last = datetime(year, 1, 1), datetime(year, 12, 31, 23, 59)
    texts = [*ALWAYS, *filter(comes, expressions(year, 5))]
    for text, slow in zip(texts, slow_times(texts, zone, first, last), strict=True):
        timing = timing_of("cron", text, Zone(zone), NOW)
        found, moment = [], to_seconds(first) - 1
        while (following := timing.next_after(moment)) is not None and following <= to_seconds(last):
            found.append(following)
            moment = following

        assert found == slow, (text, zone)


@pytest.mark.parametrize(("zone", "year"), YEARS)
def test_around_the_changes_the_next_time_is_right_from_wherever_one_looks(zone: str, year: int) -> None:
    """The moment from which one looks lies anywhere, seconds included, so also within gaps and doubled hours."""
    tz = Zone(zone)
    rng = random.Random(year)
    for change in list(changes(tz, year)) or [NOW]:
        first = datetime.fromtimestamp(change, UTC).replace(tzinfo=None, second=0) - timedelta(days=1)
        last = first + timedelta(days=3)
        texts = [*ALWAYS, *filter(comes, expressions(change, 20))]
        for text, slow in zip(texts, slow_times(texts, zone, first, last), strict=True):
            timing = timing_of("cron", text, tz, NOW)
            for start in [rng.randint(change - 40_000, change + 40_000) for _ in range(20)]:
                following = timing.next_after(start)
                expected = next((one for one in slow if one > start), None)
                if expected is not None:
                    assert following == expected, (text, zone, start)
                else:
                    assert following is None or following > to_seconds(last), (text, zone, start)


def changes(zone: Zone, year: int) -> Iterator[int]:
    """When its offset changes in a year."""
    moment, end = to_seconds(datetime(year, 1, 1)), to_seconds(datetime(year + 1, 1, 1))
    while (change := zone.change(moment, end)) is not None:
        yield change
        moment = change


def words(text: str, zone: str, start: str, count: int = 3) -> list[str]:
    tz = Zone(zone)
    moment = tz.moment(datetime.fromisoformat(start))
    return [tz.words(due) for due in upcoming(timing_of("cron", text, tz, moment), moment, count)]


def test_a_time_in_the_gap_is_due_at_the_first_moment_after_it() -> None:
    assert words("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        "Sun 2026-03-29 03:00 CEST", "Mon 2026-03-30 02:30 CEST",
    ]  # fmt: skip
    assert words("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00", 2) == [
        "Sat 2011-12-31 00:00 +14", "Sat 2011-12-31 09:00 +14",
    ]  # fmt: skip


def test_a_doubled_time_is_due_once_at_its_first_pass() -> None:
    assert words("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == [
        "Sun 2026-10-25 02:30 CEST", "Mon 2026-10-26 02:30 CET",
    ]  # fmt: skip


def test_what_runs_through_the_hours_runs_in_both() -> None:
    assert words("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:30", 5) == [
        "Sun 2026-10-25 02:00 CEST", "Sun 2026-10-25 02:30 CEST",
        "Sun 2026-10-25 02:00 CET", "Sun 2026-10-25 02:30 CET", "Sun 2026-10-25 03:00 CET",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("60000", 60), ("900000", 900), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2D", 172_800), ("60001", 61)],
)
def test_an_interval_is_counted_from_its_beginning_whatever_happened_meanwhile(value: str, seconds: int) -> None:
    timing = timing_of("interval", value, Zone("UTC"), NOW)

    assert upcoming(timing, NOW, 3) == [NOW + seconds, NOW + 2 * seconds, NOW + 3 * seconds]
    assert timing.next_after(NOW + 10 * seconds + 1) == NOW + 11 * seconds
    assert timing.next_after(NOW - 1) == NOW  # a clock that was set back


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "an interval is milliseconds"), ("5 minutes", "an interval is milliseconds"), ("-1", "not '-1'"),
        ("1w", "an interval"), ("0", "the shortest interval is 60 s"), ("59s", "the shortest interval is 60 s"),
        ("59999", "the shortest interval is 60 s"), ("3661d", "the longest 3660 days"), ("9" * 16, "an interval"),
    ],
)  # fmt: skip
def test_an_interval_that_makes_no_sense_or_is_too_short_is_refused(value: str, said: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        timing_of("interval", value, Zone("UTC"), NOW)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-12-01T09:00", "2026-12-01T08:00:00"),
        ("2026-12-01 09:00:30", "2026-12-01T08:00:30"),
        ("2026-12-01T09:00:00.25", "2026-12-01T08:00:01"),
        ("2026-12-01", "2026-11-30T23:00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00:00"),
        ("2026-12-01T09:00-05:00", "2026-12-01T14:00:00"),
        ("2027-03-28T02:30", "2027-03-28T01:00:00"),
        ("2027-10-31T02:30", "2027-10-31T00:30:00"),
        ("+20m", "2026-11-28T06:37:00"),
        ("+1500", "2026-11-28T06:17:02"),
        ("+0s", "2026-11-28T06:17:00"),
    ],
)
def test_once_is_at_a_local_time_or_at_one_with_an_offset_or_from_now(value: str, at: str) -> None:
    timing = timing_of("once", value, Zone("Europe/Berlin"), NOW)

    assert timing == Once(to_seconds(datetime.fromisoformat(at)))
    assert timing.next_after(to_seconds(datetime.fromisoformat(at))) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("tomorrow", '"once" takes a local time'), ("", '"once" takes a local time'), ("25:00", "takes a local time"),
        ("0001-01-01T00:00+23:00", "takes a local time"), ("9999-12-31T23:59", "days ahead"),
        ("2037-01-01", "days ahead"),
        ("+", "a time from now"), ("+1w", "a time from now"), (f"+{LONGEST + 1}s", "a time from now"),
    ],
)  # fmt: skip
def test_a_time_that_makes_no_sense_or_is_far_away_is_refused(value: str, said: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        timing_of("once", value, Zone("Europe/Berlin"), NOW)
    assert said in str(refused.value)


def test_another_kind_is_refused() -> None:
    with pytest.raises(InvalidTask, match='"schedule_type" is one of cron, interval, once'):
        timing_of("daily", "9", Zone("UTC"), NOW)
