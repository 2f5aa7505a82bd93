"""`openclaw agents`: from the files of the home, whether a service runs or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENCLAW_HOME", str(tmp_path))
    return tmp_path


def put(home: Path, name: str, *lines: str, group: str = "main") -> Path:
    file = home / "groups" / group / ".claude/agents" / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["---", f"name: {name}", *lines, "---", "Be strict."]))
    return file


def test_each_is_told_with_what_it_is_for_and_where_it_lies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    critic = put(home, "critic", "description: Finds mistakes", "tools: Read, Grep", "model: haiku", "memory: project")
    guide = put(home, "guide", "description: Knows the way", "hooks: {a: b}", "disallowedTools: Bash", group="friends")

    assert main(["agents", "list"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "critic  model haiku, Read, Grep, keeps a memory",
        "    Finds mistakes",
        f"    {critic}",
        "guide (of friends)  model inherit, all tools but Bash",
        "    Knows the way",
        "    does nothing here: hooks",
        f"    {guide}",
    ]


def test_a_damaged_one_is_told_with_its_error_beside_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home, "critic", "description: Finds mistakes")
    put(home, "broken", "descripton: d")

    assert main(["agents"]) == 0

    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("broken  cannot be used: groups/main/.claude/agents/broken.md, line 3: there is no key")
    assert second.startswith("critic  ")


def test_as_json_there_is_all_of_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = put(home, "critic", "description: Finds mistakes")

    assert main(["agents", "list", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == [
        {
            **{"name": "critic", "description": "Finds mistakes", "tools": ["*"], "model": "inherit"},
            **{"group": "main", "path": str(file)},
        }
    ]


def test_where_there_are_none_it_says_where_they_belong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents"]) == 0
    assert capsys.readouterr().out == f"none; a profile is a file {home}/groups/main/.claude/agents/NAME.md\n"


def test_a_description_cannot_steer_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home, "critic", 'description: "a\\x1b[2Jb"')

    main(["agents"])

    assert "\x1b" not in capsys.readouterr().out
