"""`# audit: ok 3.1 reason` silences one finding on its line."""

from __future__ import annotations

from tests.audit.conftest import Audited


def test_with_its_point_and_a_reason_a_finding_is_silenced_and_kept_with_the_reason(audited: Audited) -> None:
    result = audited(x="import requests\nrequests.get('http://x')  # audit: ok 1.3 a script that a person watches\n")

    assert not result.findings
    assert [reason for _, reason in result.silenced] == ["a script that a person watches"]


def test_without_a_reason_or_a_point_nothing_is_silenced_and_the_comment_is_named(audited: Audited) -> None:
    result = audited(
        x="import requests\nrequests.get('http://x')  # audit: ok 1.3\nrequests.put('http://x')  # audit: ok because\n"
    )
    assert [finding.rule for finding in result.findings if finding.dimension == 1] == ["no_timeout"] * 2
    assert [passed.reason for passed in result.passed] == [
        "`audit: ok` without a reason silences nothing",
        "`audit: ok` without the point (as in 3.1) silences nothing",
    ]


def test_another_point_or_another_line_is_not_silenced(audited: Audited) -> None:
    result = audited(
        x="# audit: ok 1.3 elsewhere\nimport requests\nrequests.get('http://x')  # audit: ok 4.3 another point\n"
    )
    assert [finding.rule for finding in result.findings] == ["no_timeout"]


def test_a_text_that_only_looks_like_a_comment_silences_nothing(audited: Audited) -> None:
    result = audited(x="import requests\nrequests.get('# audit: ok 1.3 a reason')\n")

    assert [finding.rule for finding in result.findings] == ["no_timeout"]
