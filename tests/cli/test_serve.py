"""`openclaw serve` as a process: what it makes of signals, limits and odd settings."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.begun import wait_until_begun
from tests.support.fake_docker import FakeDocker
from tests.support.log_lines import LogLines
from tests.support.service import RunningService
from tests.support.until import until

BOUND = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def few_files() -> Iterator[int]:
    """The usual soft limit of open files, which children inherit; the hard one."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def ignored_hangup() -> Iterator[None]:
    """What nohup does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_asks_for_it_stops_the_service_cleanly(home: Path, number: signal.Signals) -> None:
    with RunningService(home) as service:
        service.process.send_signal(number)
        assert service.process.wait(BOUND) == 0
    assert not list((home / "ipc/channels").iterdir())


@pytest.mark.usefixtures("ignored_hangup")
def test_under_nohup_it_outlives_its_terminal(home: Path) -> None:
    with RunningService(home) as service:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
    (ignored,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn:"))
    assert ignored >> signal.SIGHUP - 1 & 1


def test_while_turns_are_waited_for_it_says_so_and_is_not_ready(home: Path) -> None:
    with RunningService(home, OFFLINE_LATENCY="600000", DRAIN_TIMEOUT="3600000") as service:
        service.post({"text": "hello", "id": "a"}, "")
        wait_until_begun(home, "a")
        assert service.get("/readyz").status_code == 200
        with closing(LogLines(home / "logs/app.log")) as log:
            service.process.terminate()
            line = log.find("Stopping")
            assert "[INFO] Stopping: 1 turn may run for up to 3600 s; a second Ctrl-C ends at once" in line
            assert line.endswith("; it waits for a\n")
        answer = service.get("/readyz")
        assert (answer.status_code, answer.json()["title"]) == (503, "Not ready")
        service.delete("/messages/a")  # the last turn
        assert service.process.wait(BOUND) == 0


def test_a_second_signal_ends_it_at_once_and_says_so_and_the_next_start_takes_up_what_ran(
    home: Path, tmp_path: Path
) -> None:
    with RunningService(home, OFFLINE_LATENCY="600000", DRAIN_TIMEOUT="3600000") as service:
        service.post({"text": "hello", "id": "a"}, "")
        wait_until_begun(home, "a")
        with closing(LogLines(home / "logs/app.log")) as log:
            service.process.send_signal(signal.SIGINT)
            log.find("Stopping")
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(BOUND) == 1
    assert "openclaw: asked twice, so it ends at once. Nothing accepted is lost" in (tmp_path / "stderr").read_text()
    assert list((home / "ipc/channels").iterdir())  # nothing was cleared away
    with RunningService(home) as service:
        assert service.get("/messages/a?wait=30").json()["status"] == "done"


def test_it_may_open_as_many_files_as_the_system_lets_it(home: Path, few_files: int) -> None:
    with RunningService(home) as service:
        soft, _ = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(few_files, 65_536)


def test_settings_that_were_passed_over_are_in_the_log(home: Path) -> None:
    home.mkdir()
    (home / ".env").write_text("OPENCLAW_PROT=1\n")
    with RunningService(home):
        pass
    assert "[WARN] .env: OPENCLAW_PROT is no setting" in (home / "logs/app.log").read_text()


def test_a_start_that_waits_for_an_engine_ends_as_soon_as_it_is_asked_to(home: Path, tmp_path: Path) -> None:
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        fake.knob("down", "1")
        engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        log = home / "logs/app.log"
        process = RunningService(home, CONTAINER_RUNTIME="auto", **engine).spawn()
        until(lambda: log.exists() and "is waited for" in log.read_text())
        process.terminate()
        assert process.wait(BOUND) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
        process.stdout.close()
    assert "Stopped: the service was asked to end while it waited for the container engine" in log.read_text()
