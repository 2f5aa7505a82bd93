"""Timing: when a task is due, of three kinds. Pure; moments are whole seconds since 1970.

    cron      "0 9 * * mon-fri"     by the clocks of the task's time zone
    interval  "900000" or "15m"     milliseconds, or a number with s, m, h, d; counted from when the task was made
    once      "2026-12-01T09:00"    by the clocks of the task's time zone, or with an offset; "+20m": from now

At a clock change cron goes by what people mean: a time in the gap is due at the first moment after it, a doubled one
once, at its first pass. What runs through the hours goes by the time that passes: with a minute or an hour that begins
with `*` it is due in both passes, and with such an hour nothing of a gap is made up, for nothing is missed there.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, get_args

from openclaw.errors import InvalidTask
from openclaw.schedule.cron import MINUTE, Cron
from openclaw.schedule.zone import Zone, from_seconds, to_seconds

Kind = Literal["cron", "interval", "once"]

SHORTEST: Final = 60
"""Seconds of the shortest interval, which is cron's as well."""

LONGEST: Final = 3660 * 86_400
"""Seconds of the longest one, and how far ahead `once` may be: ten years."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PARTS: Final = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}[smhd])+", re.ASCII)
_MILLISECONDS: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


class Timing(Protocol):
    """When a task is due."""

    def next_after(self, moment: int) -> int | None:
        """The first due time later than `moment`; None where none comes."""
        ...


@dataclass(frozen=True, slots=True)
class ByCron:
    """By a cron expression and the clocks of a zone."""

    cron: Cron
    zone: Zone

    def next_after(self, moment: int) -> int | None:
        """Looks from one change of the zone's offset to the next; between two, local time and UTC go side by side."""
        start = _whole_minute(from_seconds(moment + self.zone.offset(moment))) + MINUTE
        while (local := self.cron.first(start)) is not None:
            offset = self.zone.offset(moment)
            due = to_seconds(local) - offset
            change = self.zone.change(moment, due)
            if change is None:
                if self.cron.by_the_minute or not self.zone.is_second(due):
                    return due
                start = local + MINUTE
                continue
            shown = from_seconds(change + self.zone.offset(change))  # by local clocks, the moment that they are changed
            if local < shown and not self.cron.by_the_hour:
                return change  # it is in the gap
            moment, start = change, _next_whole_minute(shown)
        return None


@dataclass(frozen=True, slots=True)
class ByInterval:
    """Every `every` seconds, counted from `anchor`."""

    every: int
    anchor: int

    def next_after(self, moment: int) -> int:
        return self.anchor + ((moment - self.anchor) // self.every + 1) * self.every


@dataclass(frozen=True, slots=True)
class Once:
    """At one moment."""

    at: int

    def next_after(self, moment: int) -> int | None:
        return self.at if self.at > moment else None


def timing_of(kind: str, value: str, zone: Zone, anchor: int) -> Timing:
    """The timing of a task whose schedule was given at the moment `anchor`. Raises InvalidTask."""
    if kind == "cron":
        return ByCron(Cron.parse(value), zone)
    if kind == "interval":
        return ByInterval(_interval(value), anchor)
    if kind == "once":
        return Once(_once(value, zone, anchor))
    raise InvalidTask(f'"schedule_type" is one of {", ".join(get_args(Kind))}, not {kind[:40]!r}')


def upcoming(timing: Timing, moment: int, count: int) -> list[int]:
    """The next `count` due times after `moment`, or as many as there are."""
    found: list[int] = []
    following = timing.next_after(moment)
    while following is not None and len(found) < count:
        found.append(following)
        following = timing.next_after(following)
    return found


def _interval(value: str) -> int:
    seconds = _seconds(value)
    if seconds is None:
        raise InvalidTask(f'an interval is milliseconds, as in "900000", or as in "15m" or "1h30m", not {value[:40]!r}')
    if not SHORTEST <= seconds <= LONGEST:
        most = f"the longest {LONGEST // 86_400} days"
        raise InvalidTask(f"the shortest interval is {SHORTEST} s, {most}, not {value[:40]}")
    return math.ceil(seconds)


def _once(value: str, zone: Zone, now: int) -> int:
    """The moment; whether it is still to come is for who asks to see."""
    if value.startswith("+"):
        seconds = _seconds(value[1:])
        if seconds is None or seconds > LONGEST:
            raise InvalidTask(f'"once" takes a time from now as in "+20m", of {LONGEST // 86_400} days at most')
        return now + math.ceil(seconds)
    try:
        local = datetime.fromisoformat(value.strip())
        offset = local.utcoffset()
        naive = local.replace(tzinfo=None)
        moment = zone.moment(_whole_second(naive)) if offset is None else to_seconds(_whole_second(naive - offset))
    except (ValueError, OverflowError):
        raise InvalidTask(
            f'"once" takes a local time as in "2026-12-01T09:00", or one from now as in "+20m", not {value[:40]!r}'
        ) from None
    if moment - now > LONGEST:
        raise InvalidTask(f"{value[:40]} is more than {LONGEST // 86_400} days ahead")
    return moment


def _seconds(value: str) -> float | None:
    """Of "900000" (milliseconds) or "1h30m"; None for what is neither."""
    text = value.strip().lower()
    if _MILLISECONDS.fullmatch(text):
        return int(text) / 1000
    if _DURATION.fullmatch(text):
        return sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(text))
    return None


def _whole_second(local: datetime) -> datetime:
    """`local`, or the next whole second where it has a part of one."""
    return local if not local.microsecond else local.replace(microsecond=0) + timedelta(seconds=1)


def _whole_minute(local: datetime) -> datetime:
    return local.replace(second=0, microsecond=0)


def _next_whole_minute(local: datetime) -> datetime:
    whole = _whole_minute(local)
    return whole if whole == local else whole + MINUTE
