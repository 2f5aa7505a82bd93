"""Bare containers: what the engine is asked for, and that nothing of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.figure import NotMeasured
from tests.support.fake_docker import FakeDocker


@pytest.fixture
def bare(engine_bench: Bench) -> BareContainers:
    assert engine_bench.engine is not None
    return BareContainers(engine_bench, engine_bench.engine)


@pytest.fixture
def channels(engine_bench: Bench) -> Path:
    return engine_bench.root / "floor-home" / "channels"


def _left(channels: Path) -> list[str]:
    """Channels that are not on their way out: nobody waits for their removal."""
    return [channel.name for channel in channels.iterdir() if not channel.name.startswith(".")]


def _verbs(fake: FakeDocker) -> list[str]:
    return [call[0] for call in fake.calls()]


def test_one_is_started_and_removed(bare: BareContainers, channels: Path, fake: FakeDocker) -> None:
    assert bare.seconds_to_run() > 0
    assert _verbs(fake) == ["run", "rm"]
    assert _left(channels) == []


def test_a_runner_that_has_begun_is_seen_after_its_container_was_asked_for(
    bare: BareContainers, channels: Path, fake: FakeDocker
) -> None:
    assert bare.seconds_to_begin() > 0
    assert _verbs(fake) == ["run", "rm"]
    assert _left(channels) == []


def test_many_are_there_before_the_first_is_removed_one_for_each_removal(
    bare: BareContainers, channels: Path, fake: FakeDocker
) -> None:
    assert bare.seconds_to_run_many(10) > 0
    assert _verbs(fake) == ["run"] * 10 + ["rm"] * 10
    started = {word.removeprefix("--name=") for call in fake.calls() for word in call if word.startswith("--name=")}
    assert {call[-1] for call in fake.calls() if call[0] == "rm"} == started
    assert len(started) == 10
    assert _left(channels) == []


def test_an_engine_that_refuses_is_told_in_its_own_words(
    bare: BareContainers, channels: Path, fake: FakeDocker
) -> None:
    fake.knob("fail", {"run": "no space left on device"})
    with pytest.raises(NotMeasured, match="no space left on device"):
        bare.seconds_to_run_many(10)
    assert _left(channels) == []
