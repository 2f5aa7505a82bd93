"""The figure that only an engine can give."""

from __future__ import annotations

from pathlib import Path

from openclaw.bench.bench import Bench, Engine
from openclaw.bench.figures import on_demand
from openclaw.clock import SystemClock
from openclaw.containers.cli import Cli


def test_a_container_for_each_message_is_measured_against_docker_run(tmp_path: Path, engine: Cli, image: str) -> None:
    bench = Bench(tmp_path, Engine(engine, "", image, ""), quick=True, clock=SystemClock())
    (row,) = on_demand.measure(bench)
    message, run = row.beside
    assert run.number > 0 < message.number
    assert row.number == message.number - run.number
    left = (tmp_path / "floor-home" / "channels").iterdir()
    assert [channel for channel in left if not channel.name.startswith(".")] == []  # those are being removed
