"""An image that is missing, never built or removed meanwhile: messages wait for it as for an engine that is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fake_docker import FakeDocker
from tests.support.log_lines import LogLines
from tests.support.service import RunningService
from tests.support.until import until


class Unbuilt(RunningService):
    """Its log calls a missing image an error."""

    may_log_errors = True

    def __init__(self, home: Path, fake: FakeDocker, **settings: str) -> None:
        engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        often = {"PERSISTENT_HEALTH_CHECK_INTERVAL": "1000"}
        super().__init__(home, CONTAINER_RUNTIME="docker", **engine, **often, **settings)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDocker]:
    """An engine without the image."""
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        fake.knob("image", "")
        yield fake


@pytest.mark.parametrize("persistent", ["true", "false"])
def test_messages_wait_for_it_and_everybody_is_told_what_to_do(
    tmp_path: Path, fake: FakeDocker, persistent: str
) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    log = home / "logs/app.log"
    log.touch()
    with closing(LogLines(log)) as lines, Unbuilt(home, fake, ENABLE_PERSISTENT_MAIN=persistent) as service:
        for name in ("a", "b"):
            assert service.post({"text": "hello", "id": name, "session": name}, "?wait=0.1").status_code == 202
        lines.find("No container can be started: the image")
        ready = service.get("/readyz")
        assert (ready.status_code, "run `make image`" in ready.text) == (503, True)
        assert "run `make image`" in service.get("/status").json()["problem"]
        fake.build()
        replies = [service.get(f"/messages/{name}?wait=30").json() for name in ("a", "b")]
        assert {(reply["status"], reply["attempt"]) for reply in replies} == {("done", 1)}
        assert service.get("/readyz").status_code == 200
        assert "problem" not in service.get("/status").json()
    assert log.read_text().count("run `make image`") == 1
    assert "crashed" not in log.read_text()


def test_one_that_is_removed_while_the_service_runs_costs_no_message(tmp_path: Path, fake: FakeDocker) -> None:
    fake.build()
    with Unbuilt(tmp_path / "home", fake) as service:
        assert service.post({"text": "hello"}).json()["route"] == "persistent"
        service.put("/groups/friends", {})
        fake.knob("image", "")
        assert service.post({"text": "hello", "id": "a", "group": "friends"}, "").status_code == 202
        until(lambda: service.get("/readyz").status_code == 503)
        assert service.post({"text": "hello"}).json()["route"] == "persistent", "Main's container works on"
        fake.build()
        assert service.get("/messages/a?wait=30").json()["status"] == "done"
