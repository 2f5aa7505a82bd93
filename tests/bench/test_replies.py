"""A time is worth something only where the answer is the one that was to be timed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openclaw.bench.figure import NotMeasured
from openclaw.bench.replies import check_replies, check_reply

DONE = {"id": "a", "status": "done", "route": "subagent", "attempt": 1, "text": "42"}


def test_answers_by_the_expected_way_are_taken(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(DONE))
    check_replies(tmp_path, ["a.json", "b.json"], "subagent")


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"status": "failed", "error": "no engine"}, id="failed"),
        pytest.param({"route": "dedicated"}, id="another way"),
        pytest.param({"attempt": 2}, id="second attempt"),
    ],
)
def test_what_is_no_such_answer_is_no_measurement_and_is_shown(spoilt: dict[str, Any]) -> None:
    with pytest.raises(NotMeasured, match=repr(next(iter(spoilt.values())))):
        check_reply({**DONE, **spoilt}, "subagent")


def test_one_bad_answer_among_many_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(DONE))
    (tmp_path / "b.json").write_text(json.dumps({**DONE, "status": "cancelled"}))
    with pytest.raises(NotMeasured, match="cancelled"):
        check_replies(tmp_path, ["a.json", "b.json"], "subagent")
