"""Which groups may be spoken to."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.errors import UnknownGroup
from openclaw.routing.groups import Groups


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_main_exists_from_the_start(groups: Groups) -> None:
    groups.check("main")
    assert [group["name"] for group in groups.list()] == ["main"]


def test_a_folder_with_a_group_json_is_a_group(groups: Groups, tmp_path: Path) -> None:
    (tmp_path / "friends").mkdir()
    with pytest.raises(UnknownGroup):
        groups.check("friends")
    (tmp_path / "friends" / "group.json").write_text("{}")
    groups.check("friends")


@pytest.mark.parametrize("name", ["..", "global", "a/b", "", "x" * 65, "nobody"])
def test_anything_else_is_unknown_and_the_error_says_what_there_is(groups: Groups, tmp_path: Path, name: str) -> None:
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "group.json").write_text("{}")
    with pytest.raises(UnknownGroup, match="known: main"):
        groups.check(name)
