"""`python -m openclaw.audit`: arguments in, report out, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw.audit.command import language, main

CRITICAL = "import requests\nrequests.get('http://x')\n"
MINOR = "total = sum([len(x) for x in 'abc'])\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in; no calibration of this machine is seen there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return tmp_path


@pytest.mark.parametrize(("text", "code"), [(CRITICAL, 1), (MINOR, 0), ("", 0)])
def test_the_exit_code_says_whether_a_critical_finding_is_left(place: Path, text: str, code: int) -> None:
    (place / "x.py").write_text(text)

    assert main(["x.py"]) == code


@pytest.mark.parametrize("argv", [[], ["missing"], ["--baseline", "missing", "."]])
def test_wrong_use_is_said_in_one_line(place: Path, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert place.exists()
    assert main(argv) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("openclaw: ")
    assert said.err.count("\n") == 1


def test_one_line_of_json_holds_all_that_is_said_of_a_finding(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "x.py").write_text(CRITICAL)
    main(["--format", "jsonl", "--lang", "es", "x.py"])
    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)

    assert (entry["file"], entry["line"], entry["dimension"], entry["point"]) == ("x.py", 2, 1, "1.3")
    assert entry["severity"] == "CRITICO"
    assert "100 agentes" in entry["why"]
    assert entry["code"]
    assert entry["trade_off"]
    assert entry["estimate"] == {"before": None, "after": 10, "unit": "s", "basis": "estimated", "agents": 100}


def test_what_the_baseline_knows_is_not_told_again_even_where_it_has_moved(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "x.py").write_text(CRITICAL)
    for form in ("json", "jsonl"):
        main(["--format", form, "x.py"])
        (place / f"known.{form}").write_text(capsys.readouterr().out)
    (place / "x.py").write_text("# moved\n" + CRITICAL)

    assert main(["--baseline", "known.json", "x.py"]) == 0
    assert main(["--baseline", "known.jsonl", "x.py"]) == 0
    (place / "x.py").write_text(CRITICAL + "requests.get('http://y')\n")
    assert main(["--baseline", "known.json", "x.py"]) == 1


def test_what_was_passed_over_is_said_beside_the_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "x.py").write_text("def f(:\n")

    assert main(["."]) == 0
    assert "audit: passed over ./x.py: syntax error" in capsys.readouterr().err


def test_a_damaged_calibration_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "cache" / "openclaw").mkdir(parents=True)
    (place / "cache" / "openclaw" / "audit-costs.json").write_text("{")

    assert main(["."]) == 2
    assert "audit-costs.json is no calibration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"LANG": "es_ES.UTF-8"}, "es"), ({"LC_ALL": "C", "LANG": "es_ES"}, "en"), ({"LANG": "en_GB"}, "en"), ({}, "en")],
)
def test_the_locale_chooses_the_language(environ: dict[str, str], expected: str) -> None:
    assert language(environ) == expected


def test_an_empty_folder_is_said_to_be_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "empty").mkdir()

    assert main(["--lang", "en", "empty"]) == 0

    said = capsys.readouterr()
    first, second = said.err.splitlines()
    assert first.startswith("audit: passed over empty: no Python file in it; hidden folders")
    assert second == "audit: nothing was audited: no file of those given could be read as Python"
    assert "- Nothing was audited: what was given holds no Python file that can be read." in said.out
    assert "- Not read (measured): 1: empty: no Python file in it" in said.out


def test_a_file_that_does_not_parse_is_named_beside_those_that_were_read(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "bad.py").write_text("def (:\n")
    (place / "good.py").write_text(MINOR)

    assert main(["--lang", "en", "."]) == 0

    said = capsys.readouterr()
    assert said.err == "audit: passed over ./bad.py: syntax error, line 1: invalid syntax\n"
    assert "- Read (measured): 1 file," in said.out
    assert "Nothing was audited" not in said.out


def test_a_file_that_does_not_parse_and_nothing_else_is_not_called_fine(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "bad.py").write_text("def (:\n")

    assert main(["--lang", "es", "bad.py"]) == 0

    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == "audit: nothing was audited: no file of those given could be read as Python"
    assert "- No se ha auditado nada" in said.out
