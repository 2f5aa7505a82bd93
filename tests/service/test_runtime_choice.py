"""Containers where an engine answers, also one that is late; else plain processes, and a line that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.clock import SystemClock
from openclaw.config import load
from openclaw.containers.runtime import Runtime
from openclaw.errors import StopAsked
from openclaw.service.runtime_choice import PAUSES, choose
from tests.support.fake_docker import FakeDocker


class Start:
    """One start of a service, on a machine with the CLI of a scripted engine, which is down."""

    def __init__(self, home: Path, fake: FakeDocker) -> None:
        self.fake = fake
        self.pauses: list[float] = []
        self.up_after = -1  # pauses
        self.asked_to_end_in = -1  # the pause of that number
        self._home = home

    def choose(self, wanted: str = "auto", cli: str = "docker") -> Runtime:
        config = load({"OPENCLAW_HOME": str(self._home), "CONTAINER_RUNTIME": wanted, "CONTAINER_CLI": cli})
        runtime = choose(config, SystemClock(), lambda: "here", self._pause)
        runtime.close()
        return runtime

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        if len(self.pauses) == self.up_after:
            self.fake.knob("down")
        return len(self.pauses) == self.asked_to_end_in


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        for name in ("PATH", "FAKE_DOCKER_STATE"):
            monkeypatch.setenv(name, fake.environ()[name])
        fake.go_down()
        yield Start(tmp_path / "home", fake)


Lines = Callable[[], list[str]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    caplog.set_level("INFO")
    return lambda: [f"[{record.levelname}] {record.getMessage()}" for record in caplog.records]


def test_an_engine_that_answers_is_taken_at_once_and_without_a_word(start: Start, lines: Lines) -> None:
    start.fake.knob("down")
    assert start.choose().kind == "docker"
    assert start.pauses == []
    assert lines() == []


def test_one_that_starts_containers_by_an_old_runc_is_taken_with_a_warning(start: Start, lines: Lines) -> None:
    start.fake.knob("down")
    start.fake.knob("info", {"RuncCommit.ID": "1.1.5+ds1-1"})
    assert start.choose().kind == "docker"
    (line,) = lines()
    assert line.startswith("[WARNING] The engine's runc is '1.1.5+ds1-1', from which by its number a container can")


@pytest.mark.parametrize("pauses", [1, len(PAUSES)])
def test_an_engine_that_is_only_late_is_waited_for(start: Start, lines: Lines, pauses: int) -> None:
    start.up_after = pauses
    assert start.choose().kind == "docker"
    assert start.pauses == list(PAUSES[:pauses])
    (line,) = lines()
    assert line.startswith("[INFO] no Docker engine answers")
    assert line.endswith("it may be about to start and is waited for, 7 s at most")


def test_whoever_asks_the_service_to_end_meanwhile_waits_for_nothing_more(start: Start) -> None:
    start.asked_to_end_in = 2
    with pytest.raises(StopAsked):
        start.choose()
    assert start.pauses == list(PAUSES[:2])


def test_one_that_does_not_come_is_not_waited_for_any_longer(start: Start, lines: Lines) -> None:
    assert start.choose().kind == "process"
    assert start.pauses == list(PAUSES)
    _, line = lines()
    assert line.startswith("[WARNING] No container engine (no Docker engine answers")
    assert "WITHOUT isolation" in line
    assert "start it with `systemctl start docker`" in line
    assert "CONTAINER_RUNTIME=docker waits for it" in line


def test_without_the_program_there_is_nothing_to_wait_for(start: Start, lines: Lines) -> None:
    assert start.choose(cli="/nonexistent/docker").kind == "process"
    assert start.pauses == []
    (line,) = lines()
    assert "install Docker" in line


def test_an_engine_that_cannot_be_used_is_not_waited_for(start: Start) -> None:
    start.fake.knob("down")
    start.fake.knob("info", {"OperatingSystem": "Docker Desktop"})
    assert start.choose().kind == "process"
    assert start.pauses == []


def test_where_docker_is_asked_for_it_is_taken_and_messages_wait_for_it(start: Start, lines: Lines) -> None:
    assert start.choose("docker").kind == "docker"
    assert start.pauses == []
    (line,) = lines()
    assert line.startswith("[ERROR] no Docker engine answers")
    assert line.endswith("messages are accepted and wait for it")


def test_processes_that_are_asked_for_are_said_to_isolate_nothing_too(start: Start, lines: Lines) -> None:
    start.fake.knob("down")
    assert start.choose("process").kind == "process"
    (line,) = lines()
    assert line.startswith("[WARNING] No container engine (CONTAINER_RUNTIME=process): agents run as plain processes ")
