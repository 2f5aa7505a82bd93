"""Cron expressions: what they name, what is refused, and that every one of them comes."""

from __future__ import annotations

from datetime import datetime

import pytest

from openclaw.errors import InvalidTask
from openclaw.schedule.cron import Cron


def first(text: str, start: str) -> str:
    found = Cron.parse(text).first(datetime.fromisoformat(start))
    assert found is not None
    return found.isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("text", "start", "found"),
    [
        ("* * * * *", "2026-11-28T06:17", "2026-11-28T06:17"),
        ("*/15 * * * *", "2026-11-28T06:17", "2026-11-28T06:30"),
        ("5-20/5 * * * *", "2026-11-28T06:21", "2026-11-28T07:05"),
        ("0 9 * * mon-fri", "2026-11-28T06:17", "2026-11-30T09:00"),
        ("0 9 * * MON,Wed", "2026-12-01T00:00", "2026-12-02T09:00"),
        ("0 0 * * 7", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("0 0 * * sat-sun", "2026-11-29T00:01", "2026-12-05T00:00"),
        ("30 4 1,15 * fri", "2026-11-28T00:00", "2026-12-01T04:30"),
        ("30 4 1,15 * fri", "2026-12-01T04:31", "2026-12-04T04:30"),
        ("0 0 */10 * mon", "2026-11-28T00:00", "2026-12-21T00:00"),
        ("0 0 29 feb *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("0 0 31 * *", "2026-11-28T00:00", "2026-12-31T00:00"),
        ("59 23 31 12 *", "2026-12-31T23:59", "2026-12-31T23:59"),
        ("@daily", "2026-11-28T06:17", "2026-11-29T00:00"),
        ("@Weekly", "2026-11-28T06:17", "2026-11-29T00:00"),
        ("  0  9\t* * *  ", "2026-11-28T06:17", "2026-11-28T09:00"),
    ],
)
def test_the_first_time_is_found(text: str, start: str, found: str) -> None:
    assert first(text, start) == found


def test_either_day_will_do_where_both_are_restricted_and_both_must_fit_where_one_begins_with_a_star() -> None:
    thirteenth_or_friday = Cron.parse("0 0 13 * fri")
    assert thirteenth_or_friday.matches(datetime(2026, 11, 13))  # both
    assert thirteenth_or_friday.matches(datetime(2026, 11, 20))  # a Friday
    assert thirteenth_or_friday.matches(datetime(2026, 12, 13))  # a Sunday
    assert not thirteenth_or_friday.matches(datetime(2026, 12, 14))

    odd_days_that_are_fridays = Cron.parse("0 0 */2 * fri")
    assert odd_days_that_are_fridays.matches(datetime(2026, 11, 13))
    assert not odd_days_that_are_fridays.matches(datetime(2026, 11, 20))
    assert not odd_days_that_are_fridays.matches(datetime(2026, 11, 15))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this has 0: ''"),
        ("* * * *", "five fields: minute, hour, day of the month, month and day of the week"),
        ("* * * * * *", "this has 6"),
        ("@reboot", "this has 1: '@reboot'"),
        ("60 * * * *", "the minute takes 0 to 59, ranges, lists and steps, not '60'"),
        ("* 24 * * *", "the hour takes 0 to 23"),
        ("* * 0 * *", "the day of the month takes 1 to 31"),
        ("* * * 13 *", "the month takes 1 to 12 or jan to dec"),
        ("* * * * 8", "the day of the week takes 0 to 7 or sun to sat"),
        ("* * * * mond", "not 'mond'"),
        ("mon * * * *", "the minute takes"),
        ("-1 * * * *", "not '-1'"),
        ("1-2-3 * * * *", "not '1-2-3'"),
        ("1,,2 * * * *", "not ''"),
        ("*/0 * * * *", "a step follows * or a range"),
        ("5/10 * * * *", "a step follows * or a range, as in */15 or 0-30/10"),
        ("50-10 * * * *", "ends before it begins"),
        ("* * * * fri-mon", "ends before it begins; write it as two ranges"),
        ("٣ * * * *", "not '٣'"),
        ("² * * * *", "not '²'"),
        ("99999999 * * * *", "the minute takes"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("0 " * 300, "five fields"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_field_and_what_it_takes(text: str, said: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        Cron.parse(text)
    assert said in str(refused.value)


def test_a_date_that_is_on_this_weekday_once_in_forty_years_is_found() -> None:
    assert first("0 0 29 2 */7", "2072-03-01T00:00") == "2088-02-29T00:00"
    assert first("0 0 29 2 */7", "2088-03-01T00:00") == "2128-02-29T00:00"
