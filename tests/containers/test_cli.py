"""The one place that runs the engine's CLI: bounded in time and output, and never with a secret."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openclaw.containers.cli import OUTPUT_LIMIT, Cli
from openclaw.errors import EngineOverdue, EngineUnavailable

WAIT = 10


def program(tmp_path: Path, script: str) -> Cli:
    path = tmp_path / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Cli(str(path))


def test_a_call_gives_its_code_and_both_streams(tmp_path: Path) -> None:
    assert program(tmp_path, 'echo "got $*"; echo warned >&2; exit 3').run(["ps", "-a"]) == (3, "got ps -a", "warned")


def test_stdin_is_closed(tmp_path: Path) -> None:
    assert program(tmp_path, "cat; echo end").run(["run"]).stdout == "end"


def test_an_overdue_call_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    cli = program(tmp_path, f'exec 9<>"{fifo}"; sleep 1000 & sleep 1000')

    with pytest.raises(EngineOverdue, match="docker run did not return within"):
        cli.run(["run"], timeout=0.5)

    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


def test_a_call_that_ends_after_its_output_is_waited_for_without_polling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        pytest.fail("somebody sleeps and looks again")

    monkeypatch.setattr("time.sleep", sleep)

    assert program(tmp_path, "exec >/dev/null 2>&1; sleep 0.2; exit 3").run(["rm"]).code == 3
    with pytest.raises(EngineOverdue):
        program(tmp_path, "exec >/dev/null 2>&1; sleep 1000").run(["rm"], timeout=0.2)


def test_what_is_broken_off_ends_with_all_that_it_started_and_so_does_what_comes_later(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    cli = program(tmp_path, f'echo x >"{fifo}"; sleep 1000 & sleep 1000')
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(cli.run, ["rm"])
        fifo.read_text()  # it runs

        cli.abort()

        with pytest.raises(EngineUnavailable, match="broken off: the service is stopping"):
            call.result(WAIT)
    with pytest.raises(EngineUnavailable, match="broken off"):
        cli.run(["ps"])


def test_a_call_that_writes_beyond_the_limit_fails_and_costs_no_memory(tmp_path: Path) -> None:
    cli = program(tmp_path, f"set -e; head -c {OUTPUT_LIMIT} /dev/zero; echo more; echo unreached >&2")

    output = cli.run(["logs"])

    assert output.code != 0
    assert len(output.stdout) == OUTPUT_LIMIT
    assert "unreached" not in output.stderr


def test_a_wrapper_that_opens_its_stderr_anew_loses_nothing_that_is_written_to_it(tmp_path: Path) -> None:
    output = program(tmp_path, "echo first >&2; echo note >/dev/stderr; echo kept >&2; exit 3").run(["ps"])

    assert output.code == 3
    assert output.stderr.startswith("first\n")
    assert output.stderr.endswith("kept")


def test_what_a_call_has_started_and_left_is_not_waited_for_and_ends_with_it(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    cli = program(tmp_path, f"sleep 1000 >/proc/{os.getpid()}/fd/{writer} & echo done")

    assert cli.run(["version"]).stdout == "done"

    os.close(writer)
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(EngineUnavailable, match="install Docker"):
        Cli("/nonexistent/docker").run(["ps"])


def test_a_dead_engine_says_how_to_start_it(tmp_path: Path) -> None:
    text = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"

    with pytest.raises(EngineUnavailable, match="systemctl start docker"):
        program(tmp_path, f"echo '{text}' >&2; exit 1").run(["ps"])


def test_a_socket_without_permission_says_which_group_opens_it(tmp_path: Path) -> None:
    text = "permission denied while trying to connect to the Docker daemon socket"

    with pytest.raises(EngineUnavailable, match="group docker"):
        program(tmp_path, f"echo '{text}' >&2; exit 1").run(["ps"])


def test_secrets_are_not_in_the_environment_of_the_cli(tmp_path: Path) -> None:
    secrets = ("ANTHROPIC_API_KEY", "OPENCLAW_TOKEN", "github_token", "DB_PASSWD", "CREDENTIALS", "DOCKER_AUTH_CONFIG")
    environ = {"PATH": os.environ["PATH"], "DOCKER_HOST": "tcp://h", **dict.fromkeys(secrets, "canary")}

    told = Cli(program(tmp_path, "env").program, environ).run(["ps"]).stdout

    assert "DOCKER_HOST=tcp://h" in told
    assert "canary" not in told
