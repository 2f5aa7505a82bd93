"""The home: one owner, and an id that a copy does not share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from openclaw.config import CHECKOUT
from openclaw.errors import StartupError
from openclaw.service.home import Home


def test_a_new_home_gets_its_folders(tmp_path: Path) -> None:
    Home(tmp_path / "home").open()
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"groups", "ipc", "logs"}


def test_one_process_owns_it(tmp_path: Path) -> None:
    first = Home(tmp_path)
    first.open()
    with pytest.raises(StartupError, match="runs already"):
        Home(tmp_path).open()


def test_it_stays_owned_when_every_file_in_it_is_removed(tmp_path: Path) -> None:
    first = Home(tmp_path)
    first.open()
    for path in first.ipc.iterdir():
        if path.is_file():
            path.unlink()
    with pytest.raises(StartupError, match="runs already"):
        Home(tmp_path).open()


def test_a_new_home_gets_the_assistants_instructions(tmp_path: Path) -> None:
    Home(tmp_path).open()
    for group in ("main", "global"):
        default = CHECKOUT / "groups" / group / "CLAUDE.md"
        assert (tmp_path / "groups" / group / "CLAUDE.md").read_bytes() == default.read_bytes()


def test_instructions_that_are_there_are_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "groups/main").mkdir(parents=True)
    (tmp_path / "groups/main/CLAUDE.md").write_text("Be brief.")
    Home(tmp_path).open()
    assert (tmp_path / "groups/main/CLAUDE.md").read_text() == "Be brief."


def test_a_new_home_gets_the_agents(tmp_path: Path) -> None:
    Home(tmp_path).open()
    agents, default = (root / "groups/main/.claude/agents" for root in (tmp_path, CHECKOUT))
    assert {path.name: path.read_bytes() for path in agents.iterdir()} == {
        path.name: path.read_bytes() for path in default.iterdir()
    }
    assert [path.name for path in agents.parent.iterdir()] == ["agents"]


def test_a_folder_of_agents_that_is_there_is_the_users_own(tmp_path: Path) -> None:
    agents = tmp_path / "groups/main/.claude/agents"
    agents.mkdir(parents=True)
    Home(tmp_path).open()
    assert not list(agents.iterdir())


def test_no_agents_are_put_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "groups/main").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "groups/main/.claude").symlink_to(tmp_path / "elsewhere")
    Home(tmp_path).open()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_id_stays_when_the_home_is_moved_and_changes_when_it_is_copied(tmp_path: Path) -> None:
    home = Home(tmp_path / "a")
    home.open()
    identity = home.installation()
    assert Home(tmp_path / "a").installation() == identity
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    assert Home(tmp_path / "copy").installation() != identity
    (tmp_path / "a").rename(tmp_path / "moved")
    assert Home(tmp_path / "moved").installation() == identity
