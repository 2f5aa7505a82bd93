"""How a container has ended: where memory was the cause, the words name the limit and what to do."""

from __future__ import annotations

import pytest

from openclaw.agents.ending import cause_in_dedicated, cause_in_main
from openclaw.containers.runtime import OUT_OF_MEMORY, Exit


@pytest.mark.parametrize(
    ("memory_mb", "limit"), [(64, "groups/friends/group.json, 64 MiB"), (None, "groups/friends/group.json")]
)
def test_a_groups_limit_is_where_its_user_sets_it(memory_mb: int | None, limit: str) -> None:
    words = cause_in_dedicated(Exit("c1", 137, OUT_OF_MEMORY), "friends", memory_mb)
    assert words.startswith("it ran out of memory: its limit is memory_mb in ")
    assert words.endswith(f"{limit}; raise it, or ask for less at once")


def test_mains_is_one_for_all_turns() -> None:
    assert cause_in_main(Exit("c1", 137, OUT_OF_MEMORY)) == (
        "it ran out of memory: it has 1024 MiB for all turns at once; have subagents do what takes much"
    )


@pytest.mark.parametrize("detail", ["", "it was removed"])
def test_other_ends_are_told_as_the_runtime_tells_them(detail: str) -> None:
    gone = Exit("c1", 1, detail)
    assert cause_in_main(gone) == cause_in_dedicated(gone, "friends", 64) == detail
