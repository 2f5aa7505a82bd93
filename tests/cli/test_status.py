"""`openclaw status` where a service answers, and where none does."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw.cli import main
from tests.support.front import FakeFront
from tests.support.http_service import http_service
from tests.support.talking import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which no service runs."""
    monkeypatch.setenv("OPENCLAW_HOME", str(tmp_path))
    monkeypatch.setenv("OPENCLAW_PORT", free_port())
    return tmp_path


@pytest.fixture
def put(home: Path) -> Callable[[str], None]:
    def put(name: str) -> None:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")

    return put


def test_a_service_that_answers_tells_it_itself(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_service(FakeFront(home / "served")) as server:
        monkeypatch.setenv("OPENCLAW_PORT", str(server.port))
        assert main(["status", "--json"]) == 0
    assert "running" not in json.loads(capsys.readouterr().out)


def test_where_none_does_the_home_tells_what_waits_and_what_was_logged_last(
    home: Path, put: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("inbox/a.json", "inbox/b.txt", "inbox/.new.1", "work/c.json", "work/d.json", "callbacks/e.json"):
        put(f"ipc/{name}")
    for name in ("outbox/a.json", "outbox/b.accepted.json", "failed/x.json", "failed/x.reason.json"):
        put(f"ipc/{name}")
    put("logs/app.log")
    (home / "logs/app.log").write_text("first\nthe last \x1b[2J\n")

    assert main(["status"]) == 1

    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("openclaw: no service answers at http://127.0.0.1:")
    assert lines == [
        f"home: {home}",
        "      2  dropped files, not yet taken (ipc/inbox)",
        "      2  messages accepted and not yet answered (ipc/work)",
        "      1  replies owed to a callback_url (ipc/callbacks)",
        "      1  files that could not be taken (ipc/failed)",
        "      1  replies (ipc/outbox)",
        "last logged: the last \ufffd[2J",
    ]


def test_as_json_it_is_the_same(
    home: Path, put: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    put("ipc/work/c.json")
    assert main(["status", "--json"]) == 1
    seen = json.loads(capsys.readouterr().out)
    assert seen.pop("reason").startswith("no service answers")
    assert seen == {
        **{"running": False, "home": str(home), "owned": False, "last_log_line": ""},
        **{"inbox": None, "work": 1, "callbacks": None, "failed": None, "outbox": None},
    }


def test_a_process_that_has_the_home_and_does_not_answer_is_told(
    home: Path, put: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    put("ipc/work/c.json")
    owner = os.open(home / "ipc", os.O_RDONLY)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX)
        main(["status"])
        assert "a process holds this home" in capsys.readouterr().out
    finally:
        os.close(owner)
    main(["status"])
    assert "a process holds this home" not in capsys.readouterr().out


def test_a_home_in_which_nothing_ever_ran_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "nothing has run here yet" in capsys.readouterr().out
    assert not list(home.iterdir()), "a look changes nothing"
