"""`openclaw subagents` against a service that runs some."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.cli import main
from tests.support.service import RunningService


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as running:
        for name, value in running.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OPENCLAW_PORT", running.url.rpartition(":")[2])
        yield running


def test_there_are_none_at_first(service: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["subagents"]) == 0
    assert capsys.readouterr().out == "none\n"


@pytest.mark.parametrize("cancel", [["cancel"], ["--cancel"]], ids=["action", "option"])
def test_one_that_runs_is_listed_and_can_be_cancelled(
    service: RunningService, capsys: pytest.CaptureFixture[str], cancel: list[str]
) -> None:
    service.post({"text": "/spawn /wait 3600", "id": "a"})
    assert main(["subagents"]) == 0
    assert capsys.readouterr().out.startswith("a.s1  ")
    assert main(["subagents", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["id"], entry["task"]) == ("a.s1", "/wait 3600")

    assert main(["subagents", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [entry]

    assert main(["subagents", *cancel, "a.s1"]) == 0
    assert service.get("/messages/a.s1?wait=30").json()["status"] == "cancelled"


@pytest.mark.parametrize("name", ["../etc", "a.s0", ""])
def test_what_is_no_id_is_wrong_use(name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["subagents", "--cancel", name])
    assert ended.value.code == 2


def test_one_that_is_not_there_is_said(service: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["subagents", "--cancel", "nobody.s1"]) == 1
    assert "nobody.s1" in capsys.readouterr().err
