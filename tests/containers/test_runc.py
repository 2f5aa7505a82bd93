"""Old versions of runc are doubted by their numbers, in whatever form an engine tells them."""

from __future__ import annotations

import pytest

from openclaw.containers import runc


@pytest.mark.parametrize(
    "version", ["1.1.5+ds1-1+deb12u1", "v1.1.11-0-g4bccb38", "1.0.0~rc93+ds1-5", "1.0.0-rc10", "0.1.1"]
)
def test_one_with_the_hole_of_2024_has_those_of_2025_too(version: str) -> None:
    doubt = runc.doubt(version)

    assert repr(version) in doubt
    assert "CVE-2024-21626 (mended in 1.1.12); CVE-2025-31133" in doubt
    assert "Update the engine" in doubt


@pytest.mark.parametrize(
    "version",
    ["1.1.12", "v1.1.15-0-gbc20cb44", "1.2.0-rc.1", "1.2.7", "1.3.0", "v1.3.2-0-gaeabe4e7", "1.4.0-rc.2", "1.3.0~rc2"],
)
def test_one_from_before_the_end_of_2025_has_those_of_that_year(version: str) -> None:
    doubt = runc.doubt(version)

    assert "CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881 (mended in 1.2.8 and 1.3.3)" in doubt
    assert "CVE-2024-21626" not in doubt


@pytest.mark.parametrize("version", ["1.2.8", "v1.3.3-0-gd842d771", "1.4.0-rc.3", "1.4.0", "1.10.0", "2.0.0-rc1"])
def test_of_a_later_one_nothing_is_said(version: str) -> None:
    assert runc.doubt(version) == ""


@pytest.mark.parametrize(
    "version", ["", "N/A", "ff819c7e9184c13b7c2607fe6c30ae19403a7aff", "crun 1.14", "1.1", "9999.1.1"]
)
def test_what_is_no_version_proves_nothing(version: str) -> None:
    assert runc.doubt(version) == ""


def test_a_version_that_would_steer_a_terminal_is_quoted() -> None:
    assert r"1.1.5\x1b[31m" in runc.doubt("1.1.5\x1b[31m")
