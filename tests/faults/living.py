"""A round whose containers outlive the service, on a scripted engine: the restart finds them at work, or done."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from tests.faults.cuts import Cut
from tests.faults.disk import Outcome
from tests.faults.round import DoomedService, Round
from tests.support.fake_docker import FakeDocker


class LivingRound(Round):
    """No container dies here, so nothing is ever tried twice; in the end none is left."""

    def __init__(self, directory: Path, cut: Cut) -> None:
        super().__init__(directory, cut)
        self._engine = FakeDocker(directory / "engine")
        engine = {name: self._engine.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        common = {"CONTAINER_RUNTIME": "docker", "PERSISTENT_HEALTH_CHECK_INTERVAL": "1000", **engine}
        self.settings = {**common, "OFFLINE_LATENCY": "5"}
        self.never_ending = {**common, "OFFLINE_LATENCY": "1500"}  # and other settings than those of the restart

    def play(self) -> DoomedService:
        with closing(self._engine):
            doomed = super().play()
            assert [container["name"] for container in self._engine.containers()] == []
            return doomed

    def _due(self) -> Mapping[str, Outcome]:
        return {}

    def _see_end_of_runners(self) -> None:
        """They go on."""
