"""The profiles of all groups, as they are listed and found."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.agents.profiles import Profiles
from openclaw.errors import InvalidProfile, UnknownAgent


def put(groups: Path, group: str, name: str, *lines: str) -> Path:
    file = groups / group / ".claude/agents" / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["---", f"name: {name}", "description: d", *lines, "---", "Be strict."]))
    return file


def test_those_of_main_come_first_each_with_what_it_may_and_where_it_lies(tmp_path: Path) -> None:
    friend = put(tmp_path, "friends", "guide")
    critic = put(tmp_path, "main", "critic", "tools: Read, Grep", "model: haiku", "memory: project", "hooks: {a: b}")

    assert Profiles(tmp_path).list() == [
        {
            **{"name": "critic", "description": "d", "tools": ["Read", "Grep"], "model": "haiku", "memory": "project"},
            **{"unused": ["hooks"], "group": "main", "path": str(critic)},
        },
        {
            **{"name": "guide", "description": "d", "tools": ["*"], "model": "inherit"},
            **{"group": "friends", "path": str(friend)},
        },
    ]


def test_a_damaged_one_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    file = put(tmp_path, "main", "critic", "tool: Read")

    (entry,) = Profiles(tmp_path).list()

    assert (entry["name"], entry["path"]) == ("critic", str(file))
    assert entry["error"].startswith("groups/main/.claude/agents/critic.md, line 4: there is no key 'tool'")
    with pytest.raises(InvalidProfile):
        Profiles(tmp_path).find("main", "critic")


def test_a_group_has_its_own_and_no_others(tmp_path: Path) -> None:
    put(tmp_path, "main", "critic")

    assert Profiles(tmp_path).find("main", "critic").name == "critic"
    with pytest.raises(UnknownAgent, match="there is no agent 'critic' in groups/friends"):
        Profiles(tmp_path).find("friends", "critic")


def test_where_there_are_no_groups_there_are_none(tmp_path: Path) -> None:
    assert Profiles(tmp_path / "nowhere").list() == []
