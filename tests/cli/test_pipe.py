"""A command whose output nobody reads any more, as with `| head -1`, ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw.cli import OUTPUT_CLOSED
from tests.support.service import CHECKOUT, RunningService
from tests.support.until import until


def run_unread(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is a pipe that is closed at its other end."""
    readers, writers = os.pipe()
    os.close(readers)
    try:
        return subprocess.run(
            [sys.executable, "-m", "openclaw", *arguments],
            env=environ, stdout=writers, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writers)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["groups", "show", "main"], ["audit", str(CHECKOUT / "openclaw/cli")]]
)
def test_a_command_that_needs_no_service(tmp_path: Path, arguments: list[str]) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "OPENCLAW_HOME": str(tmp_path)}
    ended = run_unread(environ, *arguments)
    assert (ended.stderr, ended.returncode) == ("", OUTPUT_CLOSED)


def test_a_command_that_asks_the_service(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service:
        port = service.url.rpartition(":")[2]
        environ = {**service.environ(), "OPENCLAW_PORT": port}
        for arguments in (["status", "--json"], ["status"], ["groups"], ["subagents"], ["send", "hello"]):
            ended = run_unread(environ, *arguments)
            assert (ended.stderr, ended.returncode) == ("", OUTPUT_CLOSED), arguments


def test_the_service_runs_though_nobody_reads_that_it_is_ready(tmp_path: Path) -> None:
    readers, writers = os.pipe()
    os.close(readers)
    command = [sys.executable, "-m", "openclaw", "serve"]
    environ = RunningService(tmp_path / "home").environ()
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=writers)
    os.close(writers)
    log = tmp_path / "home/logs/app.log"
    try:
        until(lambda: log.exists() and "openclaw ready on http://" in log.read_text())
    finally:
        process.terminate()
        assert process.wait(60) == 0
