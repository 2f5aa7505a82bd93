"""Which engines are taken, and what is said of the others."""

from __future__ import annotations

import pytest

from openclaw.containers.cli import Cli
from openclaw.containers.detect import EngineState, detect
from tests.support.fake_docker import FakeDocker


def test_an_engine_on_linux_is_usable(fake: FakeDocker) -> None:
    assert detect(Cli("docker", fake.environ())) == EngineState(True, "20.10.24", runc="v1.3.3")


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop passes no file events"),
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, "maps user ids"),
        ({"SecurityOptions": ["name=userns"]}, "maps user ids"),
    ],
)
def test_an_engine_that_cannot_work_is_refused_with_the_reason(
    fake: FakeDocker, info: dict[str, object], reason: str
) -> None:
    fake.knob("info", info)

    state = detect(Cli("docker", fake.environ()))

    assert not state.usable
    assert reason in state.detail


def test_no_engine_says_how_to_start_one(fake: FakeDocker) -> None:
    fake.go_down()

    assert "systemctl start docker" in detect(Cli("docker", fake.environ())).detail


def test_another_program_is_no_engine() -> None:
    state = detect(Cli("true"))

    assert not state.usable
    assert "is no Docker command line" in state.detail
