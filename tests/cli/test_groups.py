"""`openclaw groups`: by the service where it runs, on the home's files where it does not, in the same words."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openclaw.agents.settings_guard import SettingsGuard
from openclaw.cli import main
from openclaw.routing.groups import Groups
from tests.support.front import FakeFront
from tests.support.http_service import http_service

Run = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the command; the service's is another one, so that one sees who did it."""
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `openclaw groups …` where no service answers."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setenv("OPENCLAW_HOME", str(home))
    monkeypatch.setenv("OPENCLAW_PORT", str(port))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return lambda *words: main(["groups", *words])


@pytest.fixture
def served(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Groups]:
    """A service that answers, and its groups."""
    with http_service(FakeFront(tmp_path / "served")) as server:
        monkeypatch.setenv("OPENCLAW_PORT", str(server.port))
        yield Groups(SettingsGuard(tmp_path / "served"))


def test_without_a_word_the_groups_are_listed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "friends", "--trigger", "@Claw", "--network", "bridge") == 0
    capsys.readouterr()

    assert run() == 0

    assert capsys.readouterr().out == "main     network none\nfriends  network bridge, trigger @Claw\n"


def test_every_option_is_a_setting(run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = (
        "--trigger @Claw --allow ann --allow bob --network bridge --mount ~/projects --mount data:tables:rw "
        "--mount /srv/odd:name:with:colons:rw --mount /srv/a:b.c --memory 1024 --pids 99 --cpus 0.5 --model m"
    )

    assert run("add", "friends", *options.split()) == 0

    shown = Groups(SettingsGuard(home / "groups")).show("friends")
    assert shown == {
        "name": "friends",
        "folder": str(home / "groups/friends"),
        "trigger": "@Claw",
        "allowed_senders": ["ann", "bob"],
        "network": "bridge",
        "mounts": [
            {"path": "~/projects", "name": "projects", "readonly": True},
            {"path": f"{tmp_path}/data", "name": "tables", "readonly": False},
            {"path": "/srv/odd:name:with", "name": "colons", "readonly": False},
            {"path": "/srv/a:b.c", "name": "a-b-c", "readonly": True},
        ],
        "memory_mb": 1024,
        "pids": 99,
        "cpus": 0.5,
        "model": "m",
    }


def test_settings_that_are_not_named_again_stay(run: Run, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "friends", "--allow", "ann", "--network", "bridge")
    run("add", "friends", "--pids", "99")

    assert "settings that were not named stay as they were" in capsys.readouterr().out
    shown = Groups(SettingsGuard(home / "groups")).show("friends")
    assert (shown["allowed_senders"], shown["network"], shown["pids"]) == (["ann"], "bridge", 99)


def test_a_mount_that_is_not_allowed_yet_is_said_and_the_group_is_added(
    run: Run, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", "friends", "--mount", str(tmp_path)) == 0

    assert "mount-allowlist.json" in capsys.readouterr().err
    Groups(SettingsGuard(home / "groups")).check("friends")


def test_show_gives_the_settings_as_lines_or_as_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "friends", "--pids", "99")
    capsys.readouterr()

    assert run("show", "friends") == 0
    assert "pids: 99" in capsys.readouterr().out.splitlines()
    assert run("show", "friends", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pids"] == 99
    assert run("list", "--json") == 0
    assert [group["name"] for group in json.loads(capsys.readouterr().out)] == ["main", "friends"]


def test_a_damaged_group_is_listed_with_what_is_wrong(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", "friends")
    (home / "groups/friends/group.json").write_text("\x1b[2J")
    capsys.readouterr()

    assert run("list") == 0

    out = capsys.readouterr().out
    assert "friends  groups/friends/group.json is damaged" in out
    assert "\x1b" not in out


def test_a_running_service_does_it(run: Run, served: Groups, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "friends", "--pids", "99") == 0
    assert served.config("friends").pids == 99
    assert not (home / "groups").exists(), "nothing was done on the files here"
    capsys.readouterr()

    assert run("show", "friends", "--json") == 0
    assert json.loads(capsys.readouterr().out) == served.show("friends")
    assert run() == 0
    assert capsys.readouterr().out == "main     network none\nfriends  network none\n"

    assert run("remove", "friends") == 0
    assert [group["name"] for group in served.list()] == ["main"]


def test_a_port_that_only_the_service_knows_leaves_the_files(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_PORT", "0")

    assert run("add", "friends") == 0

    Groups(SettingsGuard(home / "groups")).check("friends")


@pytest.mark.parametrize("with_service", [False, True], ids=["files", "service"])
def test_what_cannot_be_done_is_said_with_exit_1(
    run: Run, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], with_service: bool
) -> None:
    if with_service:
        request.getfixturevalue("served")

    assert run("remove", "main") == 1
    assert "cannot be removed" in capsys.readouterr().err
    for words in (("show", "friends"), ("remove", "friends")):
        assert run(*words) == 1
        assert "there is no group 'friends'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("add", "bad.name"),
        ("show", "../main"),
        ("add", "friends", "--memory", "3"),
        ("add", "friends", "--cpus", "nan"),
        ("add", "friends", "--mount", "~bob:rw", "--mount", "~/\n"),
    ],
)
def test_wrong_use_is_exit_2_and_changes_nothing(
    run: Run, served: Groups, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(*words) == 2

    assert capsys.readouterr().err.startswith("openclaw: ")
    assert [group["name"] for group in served.list()] == ["main"]


@pytest.mark.parametrize("words", [("add",), ("friends",), ("add", "friends", "--memory", "much"), ("show",)])
def test_words_that_are_no_command_are_exit_2(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2
