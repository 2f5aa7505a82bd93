"""Tokens are added up, and what is no number of tokens is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from openclaw.gateway.usage import Tally, Usage


def test_it_is_read_by_the_names_of_the_messages_api() -> None:
    given = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 4,
        "service_tier": "standard",
        "cache_creation": {"ephemeral_5m_input_tokens": 4},
    }
    assert Usage.of(given) == Usage(1, 2, 3, 4)


@pytest.mark.parametrize("value", [None, -1, 1.5, True, "7", [1], {"a": 1}, 10**9 + 1, 10**30])
def test_what_is_no_sensible_number_counts_as_nothing(value: object) -> None:
    assert Usage.of({"input_tokens": value, "output_tokens": 2}) == Usage(0, 2)


def test_a_reply_has_all_four_or_none() -> None:
    assert Usage().to_json() == {}
    assert Usage(output_tokens=1).to_json() == {
        "input_tokens": 0,
        "output_tokens": 1,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
    }


def test_a_tally_adds_up_what_many_threads_bring() -> None:
    tally = Tally()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tally.add(Usage(1, 2, 3, 4)), range(1000)))
    assert tally.read() == Usage(1000, 2000, 3000, 4000)
