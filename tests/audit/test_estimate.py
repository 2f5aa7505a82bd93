"""Severity follows from what a finding costs at the number of agents that is asked for."""

from __future__ import annotations

import pytest

from openclaw.audit.costs import REFERENCE, Costs, load, save
from openclaw.audit.estimate import weigh
from openclaw.audit.finding import Finding, Severity


def weighed(rule: str, agents: int, costs: Costs | None = None) -> Finding:
    finding = Finding("x.py", 1, rule, ("4.3",), "f", Severity.IMPORTANT)
    weigh(finding, costs or Costs(), agents)
    return finding


def test_the_same_code_is_minor_for_one_agent_and_critical_for_a_thousand() -> None:
    severities = [weighed("read_twice", agents).severity for agents in (1, 100, 10_000)]

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
