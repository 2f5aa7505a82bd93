"""Every command of the README's chapter on operations does what the text beside it says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers.cli import Cli
from tests.docker.conftest import main_of
from tests.support.log_lines import LogLines
from tests.support.service import CHECKOUT, RunningService

RESTART = "systemctl --user restart openclaw"
"""Carried out here as a stop and a start; test_systemd carries it out as it stands."""


def _commands() -> list[str]:
    """The commands of the chapter, in order."""
    chapter = (CHECKOUT / "README.md").read_text().partition("## Operations\n")[2].partition("\n## ")[0]
    return [line.strip() for line in chapter.splitlines() if line.startswith("    ")]


class Site:
    """A home with a running service, in which the chapter's commands are run."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self.home = home
        self.settings = settings
        self.tried: set[str] = set()
        self.service = RunningService(home, OFFLINE_LATENCY="50", **settings)
        self.service.__enter__()

    def run(self, command: str) -> str:
        """What a command of the chapter prints, with the name of this test's container."""
        assert command in _commands()
        self.tried.add(command)
        if command == RESTART:
            assert self.service.stop() == 0
            self.service.__exit__(None, None, None)
            self.service = RunningService(self.home, **self.settings)
            self.service.__enter__()
            return ""
        text = command.replace("openclaw-main-persistent", main_of(self.settings))
        done = subprocess.run(
            ["/bin/bash", "-c", text], cwd=self.home, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.stderr == ""
        return done.stdout


@pytest.fixture
def site(tmp_path: Path, settings: dict[str, str]) -> Iterator[Site]:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".env").write_text("ENABLE_PERSISTENT_MAIN=true\n")
    site = Site(home, settings)
    yield site
    site.service.__exit__(None, None, None)


def _is_it_on(site: Site) -> None:
    site.service.post({"text": "hello"})
    assert site.run("grep ENABLE_PERSISTENT_MAIN .env") == "ENABLE_PERSISTENT_MAIN=true\n"
    shown = site.run('docker ps --filter "name=openclaw-main-persistent"')
    assert main_of(site.settings) in shown
    assert " Up " in shown
    log = site.run(r'grep "MainAgentManager\|Persistent container" logs/app.log | tail -20')
    assert "Starting persistent container for Main group" in log
    assert "Main persistent container ready" in log


def _where_does_the_time_go(site: Site) -> None:
    reply = site.service.post({"text": "please refactor the files of this project", "id": "p"}).json()
    assert site.service.get(f"/messages/{reply['subagents'][0]}?wait=50").json()["status"] == "done"
    timings = site.run('grep "Response timing" logs/app.log | tail -20')
    assert "[INFO] Response timing - prepTime: " in timings
    assert "agentTime: 5" in timings  # the 50 ms that the engine takes
    decision = site.run('grep -A 1 "spawn_subagent" logs/app.log')
    assert "[INFO] Main agent decision: spawn_subagent" in decision
    assert "[INFO] Reason: file modifications across several files" in decision
    assert main_of(site.settings) in site.run("docker stats --no-stream openclaw-main-persistent")


def _it_does_not_start(site: Site) -> None:
    log = site.run('grep -A 5 "MainAgentManager" logs/app.log | tail -50')
    assert "MainAgentManager: Starting persistent container for Main group" in log
    site.run(RESTART)
    assert site.service.post({"text": "hello"}).json()["route"] == "persistent"


def _it_keeps_crashing(site: Site, engine: Cli) -> None:
    site.service.post({"text": "hello"})
    count = 'grep "Persistent container crashed" logs/app.log | wc -l'
    assert site.run(count) == "0\n"
    with closing(LogLines(site.home / "logs/app.log")) as lines:
        engine.run(["kill", main_of(site.settings)])
        lines.find("Persistent container crashed")
    assert site.run(count) == "1\n"
    crash = site.run('grep -A 10 "Persistent container crashed" logs/app.log')
    assert "[WARN] Persistent container crashed (exit 137), restart 1/3 in 1s" in crash


def _health_checks_fail(site: Site, engine: Cli) -> None:
    site.service.__exit__(None, None, None)
    site.settings = {**site.settings, "PERSISTENT_HEALTH_CHECK_INTERVAL": "300"}
    site.service = RunningService(site.home, **site.settings)
    site.service.__enter__()
    site.service.post({"text": "hello"})
    with closing(LogLines(site.home / "logs/app.log")) as lines:
        engine.run(["pause", main_of(site.settings)])
        lines.find("Health check: Main persistent container health check failed")
    checks = site.run('grep "Health check" logs/app.log | tail -20')
    assert "[WARN] Health check: Main persistent container health check failed" in checks
    site.run('echo "PERSISTENT_HEALTH_CHECK_INTERVAL=60000" >> .env')


def _switch_it_off(site: Site) -> None:
    site.run('echo "ENABLE_PERSISTENT_MAIN=false" >> .env')
    site.run(RESTART)
    assert site.run("docker ps | grep openclaw-main-persistent") == ""
    assert site.service.post({"text": "hello"}).json()["route"] == "dedicated"
    started = site.run('grep "Starting container for Main" logs/app.log | tail -20')
    assert "[INFO] Starting container for Main" in started


BUILD = "cd container && ./build.sh"


def test_every_command_of_the_chapter_works_as_its_text_says(site: Site, engine: Cli) -> None:
    _is_it_on(site)
    _where_does_the_time_go(site)
    _it_does_not_start(site)
    _it_keeps_crashing(site, engine)
    _health_checks_fail(site, engine)
    _switch_it_off(site)
    assert site.tried | {BUILD} == set(_commands())


def test_the_image_is_built_again_from_its_folder(engine: Cli, image: str) -> None:
    assert BUILD in _commands()
    done = subprocess.run(
        ["/bin/bash", "-c", BUILD], cwd=CHECKOUT, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin",
        "HOME": "/tmp", "CONTAINER_IMAGE": image, "CONTAINER_CLI": engine.program},
        capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert f"image: {image} is ready" in done.stderr
