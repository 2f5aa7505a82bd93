"""The report as it is printed and kept."""

from __future__ import annotations

from dataclasses import replace

from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.machine import Machine
from openclaw.bench.report import Report, Result
from openclaw.bench.table import render

MACHINE = Machine(
    openclaw="0.1.0",
    date="2026-11-24 10:00+00:00",
    cpus=2,
    cpu="Some CPU",
    load=0.5,
    kernel="Linux 6.1",
    python="3.11.7",
    file_system="ext4 with a journal",
    runtime="docker 20.10.24, image openclaw-agent:latest (0123456789ab)",
)
P50, P99 = Target("p50", 5, "ms"), Target("p99", 25, "ms")
REPLY = Figure("reply", "a message and its reply", (P50, P99), lambda _: [])
IDLE = Figure("idle", "nothing at all", (Target("wake-ups", 0.5, "/s"),), lambda _: [])
ROWS = (Row(P50, 2.934, (Beside("two writes", 0.8, "ms"),), "500 messages"), Row(P99, 31))
REPORT = Report(MACHINE, False, (Result(REPLY, ROWS), Result(IDLE, error="the service did not start: no port")))


def test_the_table_is_headed_by_the_machine_and_has_a_line_for_each_number() -> None:
    assert render(REPORT) == (
        "openclaw 0.1.0, 2026-11-24 10:00+00:00\n"
        "machine  2 × Some CPU, Linux 6.1, Python 3.11.7, home on ext4 with a journal, load 0.5\n"
        "runtime  docker 20.10.24, image openclaw-agent:latest (0123456789ab); "
        "offline engine at 0 ms where a figure names no model\n"
        "\n"
        "figure  measured      target                    beside it, in the same run\n"
        "reply   p50 2.93 ms   ≤ 5 ms            ok      two writes 0.8 ms; 500 messages\n"
        "        p99 31 ms     ≤ 25 ms           MISSED\n"
        "idle    not measured  wake-ups ≤ 0.5/s\n"
        "idle was not measured: the service did not start: no port"
    )


def test_a_quick_run_is_marked_as_one() -> None:
    assert "\nquick " in render(replace(REPORT, quick=True))


def test_the_json_keeps_numbers_unrounded_with_their_units_and_targets() -> None:
    value = REPORT.to_json()
    assert value["machine"]["cpu"] == "Some CPU"
    assert value["quick"] is False
    reply, idle = value["figures"]
    assert reply["name"] == "reply"
    assert reply["rows"][0] == {
        "what": "p50", "number": 2.934, "unit": "ms", "limit": 5, "at_least": False, "met": True, "of": "500 messages",
        "beside": [{"what": "two writes", "number": 0.8, "unit": "ms"}],
    }  # fmt: skip
    assert reply["rows"][1]["met"] is False
    assert idle == {
        "name": "idle", "about": "nothing at all", "error": "the service did not start: no port", "rows": [],
    }  # fmt: skip
