"""Severity follows from what a finding costs at the number of agents that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.audit.costs import HANDED_ON, REFERENCE, Costs, current, default_file, handed_on, load, save
from openclaw.audit.estimate import weigh
from openclaw.audit.finding import Finding, Severity


def weighed(rule: str, agents: int, costs: Costs | None = None) -> Finding:
    finding = Finding("x.py", 1, rule, ("4.3",), "f", Severity.IMPORTANT)
    weigh(finding, costs or Costs(), agents)
    return finding


def test_the_same_code_is_minor_for_one_agent_and_critical_for_a_thousand() -> None:
    severities = [weighed("read_twice", agents).severity for agents in (1, 100, 100_000)]

    assert severities == [Severity.MINOR, Severity.IMPORTANT, Severity.CRITICAL]


def test_the_estimate_is_the_reference_cost_times_the_count_times_the_agents() -> None:
    estimate = weighed("sync_each", 100).estimate
    assert estimate is not None

    assert (estimate.before, estimate.after) == (20 * 100 * REFERENCE["fsync"], 100 * REFERENCE["fsync"])
    assert (estimate.unit, estimate.basis) == ("ms", "reference")


def test_a_calibration_replaces_it_and_says_so_and_is_not_linear() -> None:
    costs = Costs({"fsync": (0.3, 9.9)})
    alone, crowded = (weighed("sync_each", agents, costs).estimate for agents in (1, 100))
    assert alone is not None
    assert crowded is not None

    assert alone.basis == crowded.basis == "calibrated"
    assert alone.before == pytest.approx(20 * 0.3)
    assert crowded.before == pytest.approx(20 * 100 * 9.9)


def test_what_waits_without_limit_stays_critical_however_few_agents() -> None:
    finding = Finding("x.py", 1, "no_timeout", ("1.3",), "f", Severity.CRITICAL)
    weigh(finding, Costs(), 1)

    assert finding.severity is Severity.CRITICAL


def test_a_calibration_is_kept_in_a_file_and_a_damaged_one_is_refused(tmp_path: pytest.TempPathFactory) -> None:
    path = f"{tmp_path}/below/costs.json"
    assert not load(path).calibrated
    save(path, {"fsync": (1.0, 2.0), "unknown": (1.0, 1.0)}, "2026-01-01")
    assert load(path)["fsync"].at(100) == 2.0

    with open(path, "w", encoding="utf-8") as file:
        file.write("[]")
    with pytest.raises(ValueError, match=r"costs.json is no calibration"):
        load(path)


def test_a_calibration_is_handed_on_to_where_its_file_is_not_and_a_file_of_ones_own_goes_before(tmp_path: Path) -> None:
    host, inside = {"HOME": f"{tmp_path}/host"}, {"HOME": f"{tmp_path}/inside"}
    assert handed_on(default_file(host)) == ""
    save(default_file(host), {"fsync": (1.0, 2.0), "unknown": (1.0, 1.0)}, "2026-01-01")

    told = handed_on(default_file(host))

    assert told == '{"ms":{"fsync":[1.0,2.0]}}'
    assert current({**inside, HANDED_ON: told})["fsync"].at(100) == 2.0
    assert not current(inside).calibrated
    save(default_file(inside), {"fsync": (5.0, 5.0)}, "2026-01-01")
    assert current({**inside, HANDED_ON: told})["fsync"].at(100) == 5.0


def test_what_is_handed_on_damaged_is_refused_and_a_damaged_file_is_not_handed_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="OPENCLAW_AUDIT_COSTS is no calibration"):
        current({"HOME": str(tmp_path), HANDED_ON: "[]"})
    path = tmp_path / "costs.json"
    path.write_text("[]", encoding="utf-8")
    assert handed_on(str(path)) == ""
