"""Cron as slowly as can be, and so that one sees that it is right: each minute of a stretch of time is looked at.

The minutes are UTC's, so none is left out and none comes twice; what local clocks show at each is the zone's to say.
A local time that no clock has shown was in a gap; one that was shown before is doubled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from openclaw.schedule.cron import Cron

MINUTE: Final = timedelta(minutes=1)


class _Expression:
    """One expression, and the due times that were found of it."""

    def __init__(self, text: str) -> None:
        self.fields = text.split()
        self.cron = Cron.parse(text)
        self.through_the_minutes = self.fields[0].startswith("*") or self.fields[1].startswith("*")
        self.through_the_hours = self.fields[1].startswith("*")
        self.found: list[int] = []

    def look(self, local: datetime, again: bool, left_out: list[datetime]) -> bool:
        """Whether it is due where clocks show `local`, be it `again`, and have just left out these times."""
        if self.matches(local) and (self.through_the_minutes or not again):
            return True
        return not self.through_the_hours and any(map(self.matches, left_out))

    def matches(self, local: datetime) -> bool:
        """As crontab(5) says it."""
        cron = self.cron
        if local.minute not in cron.minutes or local.hour not in cron.hours or local.month not in cron.months:
            return False
        day, weekday = local.day in cron.days, local.isoweekday() % 7 in cron.weekdays
        if self.fields[2].startswith("*") or self.fields[4].startswith("*"):
            return day and weekday
        return day or weekday


def slow_times(texts: list[str], zone: str, first: datetime, last: datetime) -> list[list[int]]:
    """Of each expression every due time from `first` to `last`, both UTC, in a zone of whole minutes."""
    expressions = [_Expression(text) for text in texts]
    tz = ZoneInfo(zone)
    clock = (first - timedelta(days=1)).replace(tzinfo=UTC)
    begin, end = first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
    shown: set[datetime] = set()
    expected = clock.astimezone(tz).replace(tzinfo=None, fold=0)  # what clocks would show if nobody had changed them
    while clock <= end:
        local = clock.astimezone(tz).replace(tzinfo=None, fold=0)
        left_out = []
        while expected < local:
            left_out.append(expected)
            expected += MINUTE
        again = local in shown
        for expression in expressions if clock >= begin else ():
            if expression.look(local, again, left_out):
                expression.found.append(int(clock.timestamp()))
        shown.add(local)
        expected = local + MINUTE
        clock += MINUTE
    return [expression.found for expression in expressions]
