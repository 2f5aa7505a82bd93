"""Agent profiles: as much of their frontmatter as profiles use."""

from __future__ import annotations

import pytest

from agent_runner.engines.messages.profile import Profile, parse_profile


def test_keys_and_instructions_are_told_apart() -> None:
    keys = 'name: reviewer\ndescription: "Finds: mistakes"\n# a comment\n\ntools: Read, Grep'
    text = f"---\n{keys}\n---\n\nBe strict.\n---\n"

    assert parse_profile(text) == Profile(
        {"name": "reviewer", "description": "Finds: mistakes", "tools": "Read, Grep"}, "Be strict.\n---"
    )


@pytest.mark.parametrize("text", ["Be strict.", "---\nname: x\nBe strict.", "-- -\nBe strict.\n---"])
def test_without_a_whole_frontmatter_all_of_it_is_instructions(text: str) -> None:
    assert parse_profile(text) == Profile({}, text)
