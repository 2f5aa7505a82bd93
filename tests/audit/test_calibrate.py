"""The reference operations, really measured; here with few threads."""

from __future__ import annotations

from openclaw.audit.calibrate import calibrate
from openclaw.audit.costs import MEASURED, REFERENCE


def test_every_operation_that_can_be_measured_has_two_figures() -> None:
    measured = calibrate(threads=4)

    assert set(measured) == set(MEASURED) <= set(REFERENCE)
    assert all(one > 0 and crowded > 0 for one, crowded in measured.values())
