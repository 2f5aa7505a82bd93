"""What is asked of a task, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw.errors import InvalidTask
from openclaw.schedule.request import KEYS, MAX_PROMPT, NEEDED, check

GIVEN = {"prompt": "x", "schedule_type": "cron", "schedule_value": "0 9 * * *"}


def test_what_fits_is_taken_as_it_is() -> None:
    whole = {
        **GIVEN, "timezone": "UTC", "context_mode": "group", "missed": "skip", "group": "main", "session": "s",
        "prompt": "é" * (MAX_PROMPT // 2),
    }  # fmt: skip
    assert check(whole, KEYS, NEEDED) == whole
    assert check({}, KEYS) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompt": "é" * (MAX_PROMPT // 2) + "x"}, f"at most {MAX_PROMPT} bytes, not {MAX_PROMPT + 1}"),
        ({"prompt": None}, '"prompt" must be a string'),
        ({"schedule_type": "daily"}, "one of cron, interval, once, not 'daily'"),
        ({"schedule_value": "\t"}, 'a task needs "schedule_value"'),
        ({"schedule_value": "0" * 201}, '"schedule_value" takes at most 200 printable characters on one line'),
        ({"timezone": "x\ny"}, '"timezone" takes at most 80 printable characters'),
        ({"group": "a b"}, '"group" must be 1 to 64 letters'),
        ({"x" * 100: "y"}, f"a task has no {'x' * 80!r} here"),
    ],
)
def test_what_does_not_is_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        check({**GIVEN, **changes}, KEYS, NEEDED)
    assert said in str(refused.value)
