"""Files for an agent: what is read is bounded, nothing is waited for, and the kernel has the last word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runner.engines import files


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_written_is_read(folder: Path) -> None:
    assert files.write("a.txt", "für\n") == 5
    assert files.read("a.txt") == "für\n"
    assert files.write("a.txt", "b") == 1
    assert (folder / "a.txt").read_bytes() == b"b"


def test_a_long_file_is_shown_in_part(folder: Path) -> None:
    (folder / "a").write_bytes(b"x" * files.LIMIT)
    (folder / "b").write_bytes(b"x" * (files.LIMIT + 1))

    assert files.read("a") == "x" * files.LIMIT
    assert files.read("b") == "x" * files.LIMIT + "\n… only the first 16384 bytes are shown"


def test_what_is_no_text_is_read_as_far_as_it_goes(folder: Path) -> None:
    (folder / "a").write_bytes(b"a\xffb")

    assert files.read("a") == "a�b"


def test_a_file_without_a_size_is_read() -> None:
    assert files.read("/proc/self/status").startswith("Name:")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("fifo", "Not a regular file"), ("/dev/zero", "Not a regular file"), (".", "Is a directory"), ("no", "No such")],
)
def test_what_is_no_file_is_refused_at_once(folder: Path, path: str, reason: str) -> None:
    os.mkfifo(folder / "fifo")

    with pytest.raises(OSError, match=reason):
        files.read(path)


@pytest.mark.parametrize(
    ("path", "reason"), [("fifo", "No such device"), ("/dev/null", "Not a regular file"), (".", "Is a directory")]
)
def test_what_is_no_file_is_not_written_to(folder: Path, path: str, reason: str) -> None:
    os.mkfifo(folder / "fifo")

    with pytest.raises(OSError, match=reason):
        files.write(path, "x")


def test_a_folder_is_listed_in_order(folder: Path) -> None:
    (folder / "b").touch()
    (folder / "a").mkdir()
    (folder / "c").symlink_to("a")

    assert files.listing(".") == ["a/", "b", "c/"]


def test_a_large_folder_is_listed_in_part(folder: Path) -> None:
    for number in range(files.ENTRIES + 5):
        (folder / str(number)).touch()

    assert len(files.listing(".")) == files.ENTRIES
