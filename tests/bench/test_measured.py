"""Figures about many containers, measured once on an engine whose containers are local processes: every row comes."""

from __future__ import annotations

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Figure, Row
from openclaw.bench.figures import (
    alive,
    cancel,
    hundred_sessions,
    hundred_subagents,
    model,
    seed_table,
    spawn,
    streams,
    twenty_groups,
)
from tests.support.fake_docker import FakeDocker


def _measured(bench: Bench, fake: FakeDocker, figure: Figure) -> dict[str, Row]:
    """The rows by what they say. Nothing that the figure started is left, and no removal named two containers."""
    rows = figure.measure(bench)
    assert tuple(row.target for row in rows) == figure.targets
    removals = [call for call in fake.calls() if call[0] == "rm"]
    assert all(len([word for word in call[1:] if not word.startswith("-")]) == 1 for call in removals)
    assert bench.engine is not None
    assert bench.engine.cli.run(["ps", "--all", "--no-trunc", "--format={{.ID}}"]).stdout == ""
    return {row.target.what: row for row in rows}


def test_a_subagent_is_timed_from_its_call_with_standby_and_without(engine_bench: Bench, fake: FakeDocker) -> None:
    rows = _measured(engine_bench, fake, spawn.FIGURE)
    assert rows["standby median"].number > 0
    fresh, bare = rows["fresh over a bare container"].beside
    assert rows["fresh over a bare container"].number == fresh.number - bare.number
    assert bare.number > 0


def test_many_subagents_are_timed_beside_as_many_bare_containers(engine_bench: Bench, fake: FakeDocker) -> None:
    row = _measured(engine_bench, fake, hundred_subagents.FIGURE)["answered / (bare starts + model)"]
    answered, bare = row.beside[:2]
    assert answered.number > 1  # the model's second
    assert row.number == answered.number / (bare.number + 1)
    names = [next(word for word in call if word.startswith("--name=")) for call in fake.calls() if call[0] == "run"]
    assert sum("-subagent-" in name for name in names) == 8  # as many as a quick run asks for
    assert sum("-main-" in name for name in names) == 8 + 1  # bare ones, and the persistent one


def test_many_sessions_are_timed_with_the_model_in_it(bench: Bench) -> None:
    (row,) = hundred_sessions.FIGURE.measure(bench)
    assert row.number > 1
    assert all(one.number > 0 for one in row.beside)


def test_streams_through_the_gateway_are_timed_beside_the_same_ones_without_it(bench: Bench) -> None:
    (row,) = streams.FIGURE.measure(bench)
    through, _, alone, _ = (one.number for one in row.beside)
    assert row.number == through - alone
    assert through > 0 < alone
    assert row.of.startswith("100 events in 20 streams at once")  # as many as a quick run asks for


def test_groups_are_answered_at_once_and_the_memory_of_both_sides_is_told(
    engine_bench: Bench, fake: FakeDocker
) -> None:
    rows = _measured(engine_bench, fake, twenty_groups.FIGURE)
    assert rows["all answered in"].number > 1
    (clis,) = rows["memory"].beside
    assert rows["memory"].number > 0 < clis.number


def test_what_is_alive_together_is_counted_and_what_is_left_behind(engine_bench: Bench, fake: FakeDocker) -> None:
    rows = _measured(engine_bench, fake, alive.FIGURE)
    assert 0 < rows["alive together"].number <= 100
    assert rows["memory"].number > 0
    assert rows["children beyond docker events"].number == 0
    assert rows["left behind"].number == rows["channels left behind"].number == 0


def test_what_is_added_to_a_model_is_told_beside_the_model_alone(engine_bench: Bench, fake: FakeDocker) -> None:
    rows = _measured(engine_bench, fake, model.FIGURE)
    reply, tool = rows["reply p50"], rows["one tool call more"]
    alone = next(one for one in reply.beside if one.what == "the model alone")
    assert alone.number > 0 < reply.number
    (with_tool,) = tool.beside
    assert tool.number == with_tool.number - reply.number
    assert rows["first delta after the model's"].number > 0
    assert rows["runner memory"].number > 5  # a Python, not what it was started by


def test_the_hybrids_table_has_our_line_beside_its_own(engine_bench: Bench, fake: FakeDocker) -> None:
    rows = _measured(engine_bench, fake, seed_table.FIGURE)
    for row in rows.values():
        assert row.number > 1  # the model's second
        beside = {one.what: one.number for one in row.beside}
        assert beside["our agentTime"] >= 1000
        assert beside["our totalTime"] <= row.number * 1000
    shown = [str(one) for one in rows["persistent totalTime"].beside]
    assert shown[3:] == [
        "the hybrid's prepTime 50 ms",
        "the hybrid's agentTime 5,200 ms",
        "the hybrid's totalTime 6,100 ms",
    ]
    assert rows["on-demand totalTime"].beside[-1].number > 0  # the floor


def test_cancelled_messages_are_timed_until_their_containers_are_gone(engine_bench: Bench, fake: FakeDocker) -> None:
    rows = _measured(engine_bench, fake, cancel.FIGURE)
    (median,) = rows["one gone after"].beside
    assert 0 < median.number <= rows["one gone after"].number
    share = rows["many gone / bare removals"]
    gone, bare = share.beside[:2]
    assert share.number == gone.number / bare.number
    names = [next(word for word in call if word.startswith("--name=")) for call in fake.calls() if call[0] == "run"]
    assert sum("-subagent-" in name for name in names) == 2 + 8  # as many as a quick run asks for
