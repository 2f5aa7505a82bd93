"""Cron: five fields, and the next local time that they name. Pure; what a time zone does to it is timing's business.

    minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or jan-dec, day of the week 0-7 or sun-sat (7: Sunday)

A field is a list, by commas, of values, of ranges, and of steps behind `*` or a range: `*/15`, `9-17/2`, `mon-fri`.
Where both days are restricted, either will do, as crontab(5) has it; a field that begins with `*` does not restrict.
`@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` stand for five fields.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from openclaw.errors import InvalidTask

MAX_TEXT: Final = 200
"""Characters of an expression."""

HORIZON: Final = 41
"""Years within which every date that comes at all comes: 29 February is on a given weekday every 40 years at most."""

MINUTE: Final = timedelta(minutes=1)

_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class _Field(NamedTuple):
    """What a field takes. Of `names` the first stands for `low`."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    _Field("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_ITEM: Final = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/([0-9]{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """Both days are restricted: a date that fits one of them will do."""
    by_the_minute: bool
    """Minute or hour begins with `*`: what runs through the hours runs in both of a doubled one."""
    by_the_hour: bool
    """The hour begins with `*`: what runs in every hour misses nothing in a gap."""

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Raises InvalidTask, which names the field and what it takes, or says that the date never comes."""
        fields = _MACROS.get(text.strip().lower(), text).split()
        if len(text) > MAX_TEXT or len(fields) != len(_FIELDS):
            raise InvalidTask(
                "a cron expression has five fields: minute, hour, day of the month, month and day of the week, as in"
                f' "0 9 * * mon-fri"; this has {len(fields)}: {text[:80]!r}'
            )
        minutes, hours, days, months, weekdays = (_values(*pair) for pair in zip(fields, _FIELDS, strict=True))
        star = [field.startswith("*") for field in fields]
        cron = cls(
            tuple(sorted(minutes)),
            tuple(sorted(hours)),
            days,
            months,
            frozenset(day % 7 for day in weekdays),
            either_day=not star[2] and not star[4],
            by_the_minute=star[0] or star[1],
            by_the_hour=star[1],
        )
        if cron.first(datetime(2000, 1, 1)) is None:
            raise InvalidTask(f"{text!r} never comes: no year has such a day")
        return cron

    def matches(self, local: datetime) -> bool:
        """Whether it names this local time; what is below a minute does not count."""
        return local.minute in self.minutes and local.hour in self.hours and self._is_day(local)

    def first(self, start: datetime) -> datetime | None:
        """The first local time from `start` on, a whole minute, that it names; None where none comes within HORIZON."""
        moment = start
        last = start.year + HORIZON
        while moment.year <= last:
            if moment.month not in self.months:
                moment = _next_month(moment)
            elif not self._is_day(moment) or (time := self._time_from(moment.hour, moment.minute)) is None:
                moment = _midnight(moment) + timedelta(days=1)
            else:
                return moment.replace(hour=time[0], minute=time[1])
        return None

    def _is_day(self, local: datetime) -> bool:
        day = local.day in self.days
        weekday = local.isoweekday() % 7 in self.weekdays
        return local.month in self.months and (day or weekday if self.either_day else day and weekday)

    def _time_from(self, hour: int, minute: int) -> tuple[int, int] | None:
        """The first (hour, minute) of a day that is not before this one."""
        if hour in self.hours:
            later = next((one for one in self.minutes if one >= minute), None)
            if later is not None:
                return hour, later
        following = next((one for one in self.hours if one > hour), None)
        return None if following is None else (following, self.minutes[0])


def _values(text: str, field: _Field) -> frozenset[int]:
    """What a field names. Raises InvalidTask."""
    values: set[int] = set()
    for item in text.lower().split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise _refused(field, item)
        whole, low, high, step = match.groups()
        if step is not None and (int(step) == 0 or (whole != "*" and high is None)):
            raise InvalidTask(f"the {field.title} {item!r}: a step follows * or a range, as in */15 or 0-30/10")
        if whole == "*":
            first, last = field.low, field.high
        else:
            first = _value(low, field, item)
            last = first if high is None else _value(high, field, item, ends=True)
        if first > last:
            raise InvalidTask(f"the {field.title} {item!r} ends before it begins; write it as two ranges with a comma")
        values.update(range(first, last + 1, int(step or 1)))
    return frozenset(values)


def _value(text: str, field: _Field, item: str, *, ends: bool = False) -> int:
    """A number or a name. Sunday at the end of a range is 7."""
    if text in field.names:
        value = field.names.index(text) + field.low
        return 7 if ends and text == "sun" else value
    if not text.isdecimal() or len(text) > 4 or not field.low <= int(text) <= field.high:
        raise _refused(field, item)
    return int(text)


def _refused(field: _Field, item: str) -> InvalidTask:
    names = f" or {field.names[0]} to {field.names[-1]}" if field.names else ""
    takes = f"{field.low} to {field.high}{names}, ranges, lists and steps"
    return InvalidTask(f"the {field.title} takes {takes}, not {item[:40]!r}")


def _midnight(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0)


def _next_month(local: datetime) -> datetime:
    days = calendar.monthrange(local.year, local.month)[1]
    return _midnight(local).replace(day=1) + timedelta(days=days)
