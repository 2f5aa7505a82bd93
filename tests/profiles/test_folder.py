"""The folder of a group's profiles: found by name, listed with what is wrong, and never left by a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.errors import InvalidProfile, UnknownAgent
from openclaw.profiles import AGENTS, Profile, ProfileFolder
from openclaw.profiles.folder import MAX_PROFILE

CHECKOUT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return f"---\nname: {name}\ndescription: d\n---\nBe strict."


@pytest.fixture
def folder(tmp_path: Path) -> ProfileFolder:
    """With one sound profile, reviewer."""
    folder = ProfileFolder(tmp_path, "groups/main/.claude/agents")
    folder.path.mkdir(parents=True)
    (folder.path / "reviewer.md").write_text(text("reviewer"))
    return folder


def test_a_profile_is_found_by_its_name(folder: ProfileFolder) -> None:
    assert folder.find("reviewer") == Profile("reviewer", "d", "Be strict.")


@pytest.mark.parametrize("name", ["painter", "../reviewer", "", "a/b", "reviewer.md", "x\0y"])
def test_one_that_is_not_there_is_answered_by_those_that_are(folder: ProfileFolder, name: str) -> None:
    (folder.path / "broken.md").write_text("no frontmatter")
    (folder.path.parent / "secret.md").write_text(text("secret"))

    with pytest.raises(UnknownAgent, match=r"in groups/main/\.claude/agents; there are: reviewer$"):
        folder.find(name)


def test_a_group_without_profiles_has_none(tmp_path: Path) -> None:
    folder = ProfileFolder(tmp_path)

    assert folder.list() == []
    with pytest.raises(UnknownAgent, match=f"in {AGENTS}; there are: none"):
        folder.find("reviewer")


def test_they_are_listed_in_order_each_or_what_is_wrong_with_it(folder: ProfileFolder) -> None:
    (folder.path / "broken.md").write_text("no frontmatter")
    (folder.path / "my agent.md").write_text(text("x"))
    (folder.path / ".hidden.md").write_text("x")
    (folder.path / "notes.txt").write_text("x")

    listed = folder.list()

    assert [one.file for one in listed] == ["broken.md", "my agent.md", "reviewer.md"]
    broken, unfit, sound = (one.found for one in listed)
    assert str(broken).startswith("groups/main/.claude/agents/broken.md, line 1: ")
    assert "my agent.md" in str(unfit)
    assert sound == folder.find("reviewer")


def test_a_link_is_not_followed(folder: ProfileFolder, tmp_path: Path) -> None:
    (tmp_path / "linked.md").write_text(text("linked"))
    (folder.path / "linked.md").symlink_to(tmp_path / "linked.md")

    with pytest.raises(InvalidProfile, match=r"linked\.md: it is a link"):
        folder.find("linked")


def test_nor_is_one_in_the_place_of_the_folder(folder: ProfileFolder, tmp_path: Path) -> None:
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InvalidProfile, match="it is a link"):
        folder.find("reviewer")


def test_what_cannot_be_a_profile_is_named_and_holds_nobody(folder: ProfileFolder) -> None:
    os.mkfifo(folder.path / "pipe.md")
    (folder.path / "dir.md").mkdir()
    (folder.path / "large.md").write_bytes(b"x" * (MAX_PROFILE + 1))
    (folder.path / "latin.md").write_bytes(b"---\nname: latin\ndescription: caf\xe9\n---\nx")

    wrong = {str(one).rpartition("/")[2] for _, one in folder.list() if isinstance(one, InvalidProfile)}

    assert wrong == {
        "pipe.md: it cannot be read: it is no file",
        "dir.md: it cannot be read: Is a directory",
        f"large.md: it has more than {MAX_PROFILE} bytes: move a part to another file",
        "latin.md, line 3: it is not UTF-8: save it as that",
    }


def test_the_profiles_that_are_shipped_are_sound() -> None:
    assert [type(one.found) for one in ProfileFolder(CHECKOUT / "groups" / "main").list()] == [Profile]
