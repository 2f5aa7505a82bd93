"""Local times: which moment they are, and where the clock change is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from openclaw.errors import InvalidTask
from openclaw.schedule import zone as zone_module
from openclaw.schedule.zone import Zone, from_seconds, machine_zone, to_seconds

BERLIN = Zone("Europe/Berlin")


def moment(zone: Zone, local: str) -> str:
    return zone.text(zone.moment(datetime.fromisoformat(local)))


@pytest.mark.parametrize(
    ("zone", "local", "found"),
    [
        ("Europe/Berlin", "2026-11-28T09:00", "2026-11-28T09:00:00+01:00"),
        ("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T01:59:59+01:00"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T03:00:00+02:00"),
        ("Europe/Berlin", "2026-03-29T02:59", "2026-03-29T03:00:00+02:00"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T03:00:00+02:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T03:00:00+01:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-04T02:30:00+11:00"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-05T01:45:00+11:00"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-31T00:00:00+14:00"),
        ("UTC", "2026-03-29T02:30", "2026-03-29T02:30:00+00:00"),
    ],
)
def test_a_local_time_is_its_first_moment_and_one_that_no_clock_shows_the_first_after_it(
    zone: str, local: str, found: str
) -> None:
    assert moment(Zone(zone), local) == found


def test_the_second_pass_of_a_doubled_hour_is_known() -> None:
    first = BERLIN.moment(datetime(2026, 10, 25, 2, 30))

    assert BERLIN.local(first) == BERLIN.local(first + 3600) == datetime(2026, 10, 25, 2, 30)
    assert not BERLIN.is_second(first)
    assert BERLIN.is_second(first + 3600)
    assert not BERLIN.is_second(first + 7200)


def test_a_change_is_found_to_the_second() -> None:
    january, change = to_seconds(datetime(2026, 1, 15)), to_seconds(datetime(2026, 3, 29, 1))

    assert BERLIN.change(january, change - 1) is None
    assert BERLIN.change(january, change) == change
    assert BERLIN.change(january, change + 300 * 86_400) == change
    assert BERLIN.change(change, change) is None
    assert Zone("UTC").change(january, january + 10_000 * 86_400) is None


def test_people_are_shown_the_day_and_the_zone() -> None:
    assert BERLIN.words(to_seconds(datetime(2026, 11, 29, 8))) == "Sun 2026-11-29 09:00 CET"
    assert BERLIN.words(to_seconds(datetime(2026, 11, 29, 8, 0, 5))) == "Sun 2026-11-29 09:00:05 CET"
    assert from_seconds(to_seconds(datetime(1969, 12, 31, 23, 59, 59))) == datetime(1969, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(
    "name", ["Berlin", "Europe", "../../etc/passwd", "/etc/localtime", "", "CET-1CEST", "Europe/Berlin\0"]
)
def test_a_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(InvalidTask, match="there is no time zone"):
        Zone(name)


def test_the_machine_s_zone_is_tz_s_or_the_one_to_which_etc_localtime_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, written = tmp_path / "localtime", tmp_path / "timezone"
    monkeypatch.setattr(zone_module, "_LOCALTIME", link)
    monkeypatch.setattr(zone_module, "_TIMEZONE", written)
    assert machine_zone("Australia/Lord_Howe") == "Australia/Lord_Howe"
    assert machine_zone("") == "UTC"  # as libc has it where there is no such file

    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert machine_zone("") == "Europe/Berlin"

    link.unlink()
    link.write_bytes(b"a copy")
    with pytest.raises(InvalidTask, match='has no name; give the task one, as "timezone"'):
        machine_zone("")
    written.write_text("America/New_York\n")
    assert machine_zone("") == "America/New_York"


def test_a_tz_that_is_a_rule_is_no_zone_of_a_task() -> None:
    with pytest.raises(InvalidTask, match="TZ=CET-1CEST is no name of a time zone; give the task one"):
        machine_zone("CET-1CEST")
