"""A home that others can read or change is warned about, each time with the command that mends it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from openclaw.service.exposure import doubts


@pytest.fixture
def home() -> Iterator[Path]:
    """A home in a place that everybody reaches, as pytest's own is not, with what others can see of it."""
    with TemporaryDirectory(prefix="openclaw-home-") as place:
        Path(place).chmod(0o755)
        home = Path(place) / "home"
        for path, mode in ((home, 0o755), (home / "groups", 0o755), (home / "ipc", 0o700), (home / "logs", 0o700)):
            path.mkdir()
            path.chmod(mode)
        (home / ".env").write_text("ANTHROPIC_API_KEY=k\n")
        (home / ".env").chmod(0o644)
        yield home


def obey(doubt: str) -> None:
    """Do what it says at its end."""
    _, _, command = doubt.rpartition(": ")
    subprocess.run(command.split(), check=True, timeout=60)


def test_what_others_can_read_is_said_with_what_to_do_and_no_more_once_that_is_done(home: Path) -> None:
    keys, texts = doubts(home)

    assert keys == f"Every user of this machine can read {home}/.env, and the keys in it: chmod 600 {home}/.env"
    assert texts.startswith(f"Every user of this machine can enter {home}, and read what is written there")
    obey(keys)
    assert doubts(home) == [texts]
    obey(texts)
    assert doubts(home) == []


def test_a_home_that_others_cannot_enter_is_its_owners_alone(home: Path) -> None:
    home.chmod(0o700)
    assert doubts(home) == []


def test_nor_is_one_reached_where_a_folder_above_it_is_closed(home: Path) -> None:
    home.parent.chmod(0o700)
    assert doubts(home) == []


def test_folders_that_are_closed_tell_nothing(home: Path) -> None:
    (home / ".env").chmod(0o600)
    (home / "groups").chmod(0o700)
    assert doubts(home) == []


@pytest.mark.parametrize("name", [".env", "", "groups", "ipc", "logs"])
def test_what_others_can_change_is_said(home: Path, name: str) -> None:
    for one in (".env", "groups"):
        (home / one).chmod(0o700)
    path = home / name if name else home
    mode = path.stat().st_mode
    path.chmod(mode | 0o002)

    (doubt,) = (doubt for doubt in doubts(home) if "change" in doubt)

    assert doubt.startswith(f"Every user of this machine can change {path}, and so what agents do")
    obey(doubt)
    assert doubts(home) == []


def test_without_a_file_of_settings_nothing_is_said_of_it(home: Path) -> None:
    (home / ".env").unlink()
    (home / "groups").chmod(0o700)
    assert doubts(home) == []


def test_one_that_is_missing_is_nobodys(home: Path) -> None:
    assert doubts(home / "none") == []
