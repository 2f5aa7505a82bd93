"""Figures about many containers, measured once on an engine whose containers are local processes: every row comes."""

from __future__ import annotations

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Figure, Row
from openclaw.bench.figures import alive, hundred_sessions, hundred_subagents, spawn, twenty_groups
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
