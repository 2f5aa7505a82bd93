"""Retry-After: a number or a date, and nothing else."""

from __future__ import annotations

import pytest

from agent_runner.engines.messages.responses import retry_after

NOW = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("Wed, 99 Oct 2015 07:28:30 GMT", None),
        ("Wed, 21 Foo 2015 07:28:30 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
    ],
)
def test_a_wait_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds
