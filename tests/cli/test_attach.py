"""A file for a group: a copy under a safe name, and nothing that an agent has put in the way is followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.cli import attach as module
from openclaw.cli.attach import attach, detach, safe_name
from openclaw.errors import InvalidMessage, OpenClawError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The group's."""
    made = tmp_path / "groups/main"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "report.pdf"
    made.write_bytes(b"of this year")
    return made


def test_the_group_gets_a_copy_and_the_message_names_it(folder: Path, file: Path) -> None:
    attached = attach(file, folder)

    copy = folder / "files/report.pdf"
    assert copy.read_bytes() == b"of this year"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert attached == ("files/report.pdf", True)
    assert [path.name for path in (folder / "files").iterdir()] == ["report.pdf"]


def test_another_file_of_that_name_is_not_overwritten_and_the_same_one_is_used_again(folder: Path, file: Path) -> None:
    attach(file, folder)
    assert attach(file, folder) == ("files/report.pdf", False)
    file.write_bytes(b"of next year")

    assert attach(file, folder) == ("files/report-2.pdf", True)

    assert (folder / "files/report.pdf").read_bytes() == b"of this year"
    assert (folder / "files/report-2.pdf").read_bytes() == b"of next year"


def test_what_lies_in_the_groups_folder_is_named_as_it_is(folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / "photos/cat.jpg").touch()

    attached = attach(folder / "photos/cat.jpg", folder)
    detach(attached, folder)

    assert attached == ("photos/cat.jpg", False)
    assert [path.name for path in folder.rglob("*.jpg")] == ["cat.jpg"]


def test_a_copy_that_no_message_names_is_taken_away_and_one_that_was_there_stays(folder: Path, file: Path) -> None:
    first = attach(file, folder)
    detach(attach(file, folder), folder)
    assert (folder / "files/report.pdf").exists()
    detach(first, folder)
    assert not list((folder / "files").iterdir())


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("my report; rm -rf ~.pdf", "my_report_rm_-rf.pdf"),
        ("-rf", "rf"),
        (".bashrc", "bashrc"),
        ("日本.txt", "日本.txt"),
        ("a\x1b[2J\n.md", "a_2J.md"),
        ("$(x)", "x"),
        ("語" * 100 + ".md", "語" * 65 + ".md"),
        ("…", "file"),
        ("x" * 300 + ".tar", "x" * 196 + ".tar"),
    ],
)
def test_a_name_that_something_could_trip_over_is_changed(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe.encode()) <= 200


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "missing"])
def test_only_regular_files_are_copied(tmp_path: Path, folder: Path, file: Path, kind: str) -> None:
    odd = tmp_path / "odd"
    if kind == "link":
        odd.symlink_to(file)
    elif kind == "fifo":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    with pytest.raises(InvalidMessage, match="odd"):
        attach(odd, folder)
    assert not (folder / "files").exists()


def test_one_that_is_too_large_is_refused(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 11)
    with pytest.raises(InvalidMessage, match="12 bytes; 11 are taken"):
        attach(file, folder)


def test_a_link_in_the_place_of_the_folder_leads_nowhere(tmp_path: Path, folder: Path, file: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "files").symlink_to(elsewhere)
    with pytest.raises(OpenClawError, match="takes no copy"):
        attach(file, folder)
    assert not list(elsewhere.iterdir())


def test_a_link_in_the_place_of_the_copy_is_let_be(tmp_path: Path, folder: Path, file: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"of this year")
    (folder / "files").mkdir()
    (folder / "files/report.pdf").symlink_to(precious)
    file.write_bytes(b"something else")

    assert attach(file, folder).name == "files/report-2.pdf"

    assert precious.read_bytes() == b"of this year"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
def test_where_root_sends_it_the_copy_is_the_agents(folder: Path, file: Path) -> None:
    os.chown(folder, 64321, 64321)
    attach(file, folder)
    assert (folder / "files").stat().st_uid == (folder / "files/report.pdf").stat().st_uid == 64321
