"""What may be read and written in each kind of place, and how a model is told where it may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runner.engines.site import Site
from agent_runner.tools.places import NOTES, Places
from agent_runner.tools.tool import ToolFailed
from tests.container.tools.conftest import DEDICATED, MAIN, OPEN_MACHINE, write


@pytest.mark.parametrize("site", [MAIN, DEDICATED])
def test_in_a_container_everything_that_is_there_may_be_read(site: Site, folder: Path) -> None:
    (folder / "link").symlink_to("../outside.txt")

    for path in ("../outside.txt", "link", str(folder.parent / "outside.txt")):
        with Places(site).open(path) as file:
            assert file.read() == b"secret\n"


@pytest.mark.parametrize("path", ["../outside.txt", "link", "in/link/outside.txt", "/etc/passwd", "in/../../other"])
def test_on_an_open_machine_no_way_leads_out_of_the_folder(path: str, folder: Path) -> None:
    (folder / "link").symlink_to("../outside.txt")
    (folder / "in").mkdir()
    (folder / "in" / "link").symlink_to("../..")
    places = Places(OPEN_MACHINE)

    with pytest.raises(ToolFailed, match="outside the working directory"):
        places.open(path)


def test_what_was_opened_counts_not_what_the_path_said_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a", "mine")
    places = Places(OPEN_MACHINE)
    to_read = places.to_read

    def swapped_afterwards(path: str) -> str:
        checked = to_read(path)
        (folder / "a").unlink()
        (folder / "a").symlink_to("../outside.txt")
        return checked

    monkeypatch.setattr(places, "to_read", swapped_afterwards)

    with pytest.raises(ToolFailed, match="outside the working directory"):
        places.open("a")


def test_a_single_use_container_writes_wherever_the_kernel_lets_it(folder: Path) -> None:
    (folder / "link").symlink_to("../outside.txt")

    assert Places(DEDICATED).to_write("link") == str(folder.parent / "outside.txt")


def test_main_keeps_notes_and_writes_nothing_else(folder: Path) -> None:
    places = Places(MAIN)

    assert places.to_write(f"{NOTES}/main/MEMORY.md") == str(folder / NOTES / "main/MEMORY.md")
    assert places.to_write(str(folder / NOTES / "x")) == str(folder / NOTES / "x")
    for path in ("a", NOTES, f"{NOTES}/../a", f"{NOTES}s/a", "CLAUDE.md", "/tmp/a"):
        with pytest.raises(ToolFailed, match="use spawn_subagent for work that writes"):
            places.to_write(path)


def test_a_link_among_main_s_notes_leads_nowhere_else(folder: Path) -> None:
    (folder / NOTES).mkdir(parents=True)
    (folder / NOTES / "link").symlink_to("../../CLAUDE.md")

    with pytest.raises(ToolFailed, match="use spawn_subagent"):
        Places(MAIN).to_write(f"{NOTES}/link")


def test_what_is_not_there_is_said_with_what_is(folder: Path) -> None:
    write(folder / "src" / "parser.py", "")

    with pytest.raises(ToolFailed, match=r"there is no src/parsers.py; there is src/parser.py$"):
        Places(DEDICATED).open("src/parsers.py")
    with pytest.raises(ToolFailed, match="there is no src/xyz; Glob finds"):
        Places(DEDICATED).open("src/xyz")
    with pytest.raises(ToolFailed, match="nor its folder"):
        Places(DEDICATED).open("sources/parser.py")
    with pytest.raises(ToolFailed, match=r"there is no src/parser.py/x"):
        Places(DEDICATED).open("src/parser.py/x")


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    places = Places(DEDICATED)

    with pytest.raises(ToolFailed, match="no regular file"):
        places.open("fifo")
    with pytest.raises(ToolFailed, match="no regular file"):
        places.open("/dev/zero")
    with pytest.raises(ToolFailed, match="a folder; Glob lists"):
        places.open(".")


def test_a_nul_character_is_refused_before_the_kernel_sees_it() -> None:
    for act in (Places(DEDICATED).to_read, Places(DEDICATED).to_write):
        with pytest.raises(ToolFailed, match="NUL"):
            act("a\0b")


def test_an_agent_that_keeps_a_memory_writes_its_own_and_nothing_else(folder: Path) -> None:
    places = Places(DEDICATED, "reviewer")
    own = folder / NOTES / "reviewer"

    assert places.to_write(f"{NOTES}/reviewer/MEMORY.md") == str(own / "MEMORY.md")
    for path in ("src/x", NOTES, f"{NOTES}/reviewer", f"{NOTES}/other/MEMORY.md", f"{NOTES}/reviewer/../../x"):
        with pytest.raises(ToolFailed, match=f"this agent writes below {NOTES}/reviewer/ and nothing else"):
            places.to_write(path)


def test_a_link_in_the_place_of_its_memory_leads_it_nowhere(folder: Path) -> None:
    (folder / NOTES).mkdir(parents=True, exist_ok=True)
    (folder / NOTES / "reviewer").symlink_to(folder)

    with pytest.raises(ToolFailed, match="nothing else"):
        Places(DEDICATED, "reviewer").to_write(f"{NOTES}/reviewer/MEMORY.md")
