"""`openclaw logs` from the outside."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw.cli import main
from tests.support.talking import Caller


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/app.log").write_text("".join(f"line {number}\n" for number in range(30)) + "bad \x1b[2J\n")
    return tmp_path


def follow(home: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "openclaw", "logs", "-f", *words]
    environ = Caller(home, "1").environ
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_last_lines_are_printed_and_steer_no_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENCLAW_HOME", str(home))
    assert main(["logs", "-n", "2"]) == 0
    assert capsys.readouterr().out == "line 29\nbad \ufffd[2J\n"
    assert main(["logs"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 20


def test_followed_it_goes_on_over_a_rotation_until_ctrl_c(home: Path) -> None:
    log = home / "logs/app.log"
    with follow(home, "-n", "1") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "bad \ufffd[2J\n"
        with log.open("a") as file:
            file.write("one\n")
        log.rename(f"{log}.1")
        log.write_text("two\n")
        assert [process.stdout.readline(), process.stdout.readline()] == ["one\n", "two\n"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_followed_by_a_reader_that_goes_away_it_ends_though_nothing_is_logged(home: Path) -> None:
    process = follow(home, "-n", "1")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_without_a_log_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENCLAW_HOME", str(tmp_path))
    for words in (["logs"], ["logs", "-f"]):
        assert main(words) == 1
        assert "no service has run in this home yet" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["-1", "many", "1e3", "999999999999"])
def test_a_number_that_is_none_is_wrong_use(count: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["logs", "-n", count])
    assert ended.value.code == 2
