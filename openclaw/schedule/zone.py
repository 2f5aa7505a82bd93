"""Zone: the local times of a time zone, for whoever counts in seconds since 1970. Pure, but for the zone's own file.

Local times are datetimes without a zone; offsets are whole seconds east of UTC. Where a clock change leaves a time out
(the gap) or has it twice (the doubled hour), here is said which moments those are.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from openclaw.errors import InvalidTask

_EPOCH: Final = datetime(1970, 1, 1)
_DAY: Final = 86_400
_LOCALTIME: Final = Path("/etc/localtime")
_TIMEZONE: Final = Path("/etc/timezone")


class Zone:
    """A time zone by its name in the tz database, as in Europe/Berlin. Any thread."""

    def __init__(self, name: str) -> None:
        """Raises InvalidTask where there is no zone of that name here."""
        self.name = name
        self._zone: tzinfo = UTC if name == "UTC" else _found(name)

    def offset(self, moment: int) -> int:
        """Seconds by which local clocks are ahead of UTC at `moment`."""
        return _seconds(self._at(moment))

    def local(self, moment: int) -> datetime:
        """What local clocks show at `moment`."""
        return self._at(moment).replace(tzinfo=None, fold=0)

    def is_second(self, moment: int) -> bool:
        """Whether local clocks have shown that time before: the second pass of a doubled hour."""
        return self._at(moment).fold == 1

    def change(self, after: int, until: int) -> int | None:
        """The first moment in (after, until] at which the offset is another than at `after`; None where it stays.

        Two changes within a day that undo each other are not seen; no zone has had that since 1970.
        """
        offset = self.offset(after)
        low = after
        while low < until:
            high = min(low + _DAY, until)
            if self.offset(high) != offset:
                while high - low > 1:
                    middle = (low + high) // 2
                    if self.offset(middle) == offset:
                        low = middle
                    else:
                        high = middle
                return high
            low = high
        return None

    def moment(self, local: datetime) -> int:
        """When local clocks show `local`: of a doubled time the first, of one in a gap the first moment after it."""
        seconds = to_seconds(local)
        before = _seconds(local.replace(tzinfo=self._zone, fold=0))
        after = _seconds(local.replace(tzinfo=self._zone, fold=1))
        if after <= before:
            return seconds - before
        # In a gap: the change lies between what both offsets make of it.
        change = self.change(seconds - after - 1, seconds - before)
        return seconds - before if change is None else change

    def text(self, moment: int) -> str:
        """`moment` as local clocks show it, with the offset: 2026-11-29T09:00:00+01:00."""
        return self._at(moment).isoformat(timespec="seconds")

    def words(self, moment: int) -> str:
        """`moment` for people: Sun 2026-11-29 09:00 CET."""
        at = self._at(moment)
        seconds = "%H:%M:%S" if at.second else "%H:%M"
        return at.strftime(f"%a %Y-%m-%d {seconds} ") + (at.tzname() or self.name)

    def _at(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment, self._zone)


def to_seconds(local: datetime) -> int:
    """A local time as if it were UTC's, in seconds since 1970."""
    return (local - _EPOCH) // timedelta(seconds=1)


def from_seconds(seconds: int) -> datetime:
    """The reverse of `to_seconds`."""
    return _EPOCH + timedelta(seconds=seconds)


def machine_zone(setting: str) -> str:
    """The zone of tasks that name none: TZ's, else the machine's. Raises InvalidTask where neither has a name."""
    if setting:
        try:
            return Zone(setting).name
        except InvalidTask:
            raise InvalidTask(
                f'TZ={setting} is no name of a time zone; give the task one, as "timezone": "Europe/Berlin"'
            ) from None
    named = [_link_name(), _written_name()] if os.path.lexists(_LOCALTIME) else ["UTC"]
    for name in filter(None, named):
        return Zone(name).name
    raise InvalidTask('the machine\'s time zone has no name; give the task one, as "timezone": "Europe/Berlin"')




def _link_name() -> str:
    """The zone to which /etc/localtime is a link."""
    return os.path.realpath(_LOCALTIME).partition("/zoneinfo/")[2]


def _written_name() -> str:
    """The zone that Debian writes beside it."""
    try:
        return _TIMEZONE.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _found(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder is an OSError
        raise InvalidTask(
            f"there is no time zone {name[:80]!r} on this machine; they are named as in Europe/Berlin, or UTC"
        ) from None


def _seconds(at: datetime) -> int:
    offset = at.utcoffset()
    assert offset is not None
    return offset // timedelta(seconds=1)
