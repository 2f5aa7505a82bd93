"""The whole service, from the door to the reply, with the runner as a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from openclaw.config import load
from openclaw.errors import StartupError
from openclaw.message import is_name
from openclaw.service import Service
from tests.support.fake_docker import FakeDocker
from tests.support.file_events import FileEvents
from tests.support.log_lines import LogLines
from tests.support.receiver import Receiver
from tests.support.service import CHECKOUT, RunningService
from tests.support.until import until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_a_message_by_http_gets_its_reply(home: Path) -> None:
    with RunningService(home) as service:
        reply = service.post({"text": "hello"}).json()
    assert reply["status"] == "done"
    assert reply["route"] == "persistent"
    assert reply["attempt"] == 1
    assert set(reply["timing"]) == {"prepTime", "agentTime", "totalTime"}
    assert json.loads((home / "ipc/outbox" / f"{reply['id']}.json").read_bytes())["text"] == reply["text"]


def test_a_dropped_file_gets_its_reply_in_the_outbox(home: Path) -> None:
    with RunningService(home), closing(FileEvents(home / "ipc/outbox")) as events:
        (home / "ipc/inbox/hello.json").write_text('{"text":"hello"}')
        events.until((home / "ipc/outbox/hello.json").exists)
        assert json.loads((home / "ipc/outbox/hello.json").read_bytes())["status"] == "done"


def test_the_same_id_is_one_message_and_with_other_content_a_conflict(home: Path) -> None:
    with RunningService(home) as service:
        first = service.post({"text": "hello", "id": "a"})
        assert service.post({"text": "hello", "id": "a"}).json() == first.json()
        assert service.post({"text": "other", "id": "a"}).status_code == 409


def test_an_unknown_group_is_404_and_says_which_there_are(home: Path) -> None:
    with RunningService(home) as service:
        answer = service.post({"text": "hello", "group": "nobody"})
    assert answer.status_code == 404
    assert "main" in answer.json()["detail"]


def test_a_full_queue_is_429(home: Path) -> None:
    with RunningService(home, QUEUE_LIMIT="1", OFFLINE_LATENCY="600000") as service:
        assert service.post({"text": "first", "id": "a"}, "").status_code == 202
        assert service.post({"text": "second"}, "").status_code == 429
        assert service.delete("/messages/a").status_code == 202
        assert service.get("/messages/a?wait=30").json()["status"] == "cancelled"


def test_another_group_gets_a_dedicated_container(home: Path) -> None:
    with RunningService(home) as service:
        (home / "groups/friends").mkdir()
        (home / "groups/friends/group.json").write_text("{}")
        assert service.post({"text": "hello", "group": "friends"}).json()["route"] == "dedicated"


def test_without_the_persistent_container_main_is_served_on_demand(home: Path) -> None:
    with RunningService(home, ENABLE_PERSISTENT_MAIN="false") as service:
        assert service.post({"text": "hello"}).json()["route"] == "dedicated"
        assert service.get("/status").json()["main"]["state"] == "DISABLED"
    assert "[INFO] Starting container for Main" in (home / "logs/app.log").read_text()


def test_the_log_has_the_lines_that_operators_look_for(home: Path) -> None:
    with RunningService(home) as service:
        service.post({"text": "hello", "id": "a"})
        assert service.stop() == 0
    log = (home / "logs/app.log").read_text()
    for line in (
        "[INFO] MainAgentManager: Starting persistent container for Main group",
        "[INFO] MainAgentManager: Main persistent container ready",
        "[INFO] Processing message from Main (simple query) [a]",
        "[INFO] Using persistent container for Main group [a]",
        "[INFO] Response timing - prepTime: ",
        "[INFO] Stopped: nothing runs any more, and 0 messages wait in ipc/work for the next start",
    ):
        assert line in log


def test_a_turn_that_was_running_at_a_kill_gets_one_reply_as_second_attempt(home: Path) -> None:
    with RunningService(home, OFFLINE_LATENCY="600000") as service:
        channel = main_channel(home)
        with closing(FileEvents(channel / "out")) as events:
            service.post({"text": "hello", "id": "a"}, "")
            events.until((channel / "out/a.started.json").exists)
        service.kill()
    assert (home / "ipc/work/a.json").exists()
    with RunningService(home) as service:
        reply = service.get("/messages/a?wait=30").json()
        assert (reply["status"], reply["attempt"], reply["route"]) == ("done", 2, "dedicated")
        assert service.stop() == 0
    assert not list((home / "ipc/work").glob("*.json"))
    assert not list((home / "ipc/channels").iterdir())


def main_channel(home: Path) -> Path:
    """The channel of Main's container, which is made while the service says that it is ready."""
    channels = home / "ipc/channels"
    with closing(FileEvents(channels)) as events:
        events.until(lambda: any(is_name(entry.name) for entry in channels.iterdir()))
    (channel,) = (entry for entry in channels.iterdir() if is_name(entry.name))
    return channel


def test_a_second_instance_says_so_and_exits_1(home: Path) -> None:
    with RunningService(home):
        second = subprocess.run(
            [sys.executable, "-m", "openclaw", "serve"],
            env={"PATH": "", "PYTHONPATH": str(CHECKOUT), "OPENCLAW_HOME": str(home), "OPENCLAW_PORT": "0"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert second.returncode == 1
    assert "runs already" in second.stderr


def test_a_port_that_is_taken_ends_the_start_with_a_word_on_the_setting(home: Path, tmp_path: Path) -> None:
    with RunningService(home) as service:
        second = subprocess.run(
            [sys.executable, "-m", "openclaw", "serve"],
            env={
                "PATH": "", "PYTHONPATH": str(CHECKOUT), "OPENCLAW_HOME": str(tmp_path / "second"),
                "OPENCLAW_PORT": service.url.rpartition(":")[2],
            },
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert second.returncode == 1
    assert "OPENCLAW_PORT" in second.stderr


def test_a_start_that_fails_late_leaves_nothing_running(home: Path) -> None:
    (home / "ipc").mkdir(parents=True)
    before = set(threading.enumerate())
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == home.stat().st_dev:
            pytest.skip("there is no second file system")
        (home / "ipc/failed").symlink_to(elsewhere)
        config = load({"OPENCLAW_HOME": str(home), "OPENCLAW_PORT": "0", "CONTAINER_RUNTIME": "process"})
        with pytest.raises(StartupError, match="one file system"):
            Service(config).start()
    assert set(threading.enumerate()) == before
    assert not list((home / "ipc/channels").iterdir())


def test_missing_isolation_is_said_also_where_it_was_asked_for(home: Path) -> None:
    with RunningService(home, CONTAINER_RUNTIME="process"):
        pass
    assert "[WARN] No container engine (CONTAINER_RUNTIME=process)" in (home / "logs/app.log").read_text()


def test_a_reply_is_posted_to_its_callback_address(home: Path) -> None:
    with Receiver() as receiver, RunningService(home) as service:
        reply = service.post({"text": "hello", "callback_url": receiver.url}).json()
        posted = receiver.next()
        assert service.stop() == 0
    assert posted.body == reply
    assert posted.headers["Idempotency-Key"] == reply["id"]
    assert not list((home / "ipc/callbacks").iterdir())


def test_a_reply_that_is_owed_when_the_service_is_killed_is_posted_by_the_next_one(home: Path) -> None:
    with Receiver(500) as receiver:
        with RunningService(home) as service:
            reply = service.post({"text": "hello", "callback_url": receiver.url}).json()
            receiver.next()
            service.kill()
        assert (home / "ipc/callbacks" / f"{reply['id']}.json").exists()
        with RunningService(home):
            assert receiver.next().body == reply


@pytest.mark.parametrize("damage", [b"", b"[]", b"{half"])
def test_a_damaged_reply_is_said_and_not_shown_as_one(home: Path, damage: bytes) -> None:
    with RunningService(home) as service:
        service.post({"text": "hello", "id": "a"})
    (home / "ipc/outbox/a.json").write_bytes(damage)
    with RunningService(home) as service:
        answer = service.get("/messages/a")
        assert answer.status_code == 500
        assert "ipc/outbox/a.json" in answer.json()["detail"]
        service.may_log_errors = True


def test_an_outbox_that_is_put_aside_is_followed_by_a_new_one(home: Path) -> None:
    with (
        RunningService(home, PERSISTENT_HEALTH_CHECK_INTERVAL="100") as service,
        closing(LogLines(home / "logs/app.log")) as lines,
    ):
        (home / "ipc/outbox").rename(home / "ipc/archive")
        lines.find("was replaced")
        service.post({"text": "hello", "id": "a"})
        assert (home / "ipc/outbox/a.json").exists()


def test_a_stop_ends_though_the_engine_hangs_and_says_what_is_left_to_the_next_start(
    home: Path, tmp_path: Path
) -> None:
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        with RunningService(home, CONTAINER_RUNTIME="docker", **engine) as service:
            service.post({"text": "hello"})
            fake.knob("hang", ["rm", "ps", "run", "kill"])
            assert service.stop() == 0
        assert "The engine has not removed 1 containers" in (home / "logs/app.log").read_text()
        fake.knob("hang")
        with RunningService(home, CONTAINER_RUNTIME="docker", **engine) as service:
            assert service.post({"text": "hello"}).json()["status"] == "done"
            assert service.stop() == 0
        assert fake.containers() == []


def test_a_stop_tells_who_waits_for_what_cannot_be_answered_any_more(home: Path) -> None:
    """One turn runs into DRAIN_TIMEOUT, one waits behind it."""
    with RunningService(home, OFFLINE_LATENCY="600000", DRAIN_TIMEOUT="100") as service, ThreadPoolExecutor(3) as pool:
        log = LogLines(home / "logs/app.log")
        with closing(log), closing(FileEvents(home / "ipc/work")) as events:
            first = pool.submit(service.post, {"text": "hello", "id": "a"}, "?wait=50")
            second = pool.submit(service.post, {"text": "hello", "id": "b"}, "?wait=50")
            events.until(lambda: len(list((home / "ipc/work").glob("[ab].json"))) == 2)
            until(lambda: service.get("/status").json()["main"]["turns"] == 1)
            stream = pool.submit(service.get, "/messages/b/events")
            until(lambda: service.get("/status").json()["connections"] >= 3)
            assert service.stop() == 0
        for answer in (first.result(10), second.result(10)):
            assert answer.status_code == 202
            assert "answered after the next start" in answer.json()["detail"]
        assert "goes on after the next start" in stream.result(10).text


def test_without_an_engine_the_status_names_the_process_and_no_container(home: Path) -> None:
    with RunningService(home) as service:
        service.post({"text": "hello"})
        main = service.get("/status").json()["main"]
        name, _, pid = main["process"].partition(" ")
        assert (main["container"], name) == ("", "pid")
        assert b"agent_runner" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_an_engine_that_is_missing_is_shown_with_what_to_do(home: Path, tmp_path: Path) -> None:
    missing = {"CONTAINER_RUNTIME": "docker", "CONTAINER_CLI": str(tmp_path / "no-docker")}
    with RunningService(home, **missing) as service, closing(LogLines(home / "logs/app.log")) as lines:
        lines.find("What runs in the engine is not known yet")
        service.may_log_errors = True
        status = service.get("/status").json()
        assert "no-docker is not installed: install Docker" in status["problem"]
        assert status["main"]["reason"] == "the container engine has not answered yet"


def test_it_is_said_once_however_often_it_is_looked_at(home: Path, tmp_path: Path) -> None:
    with closing(FakeDocker(tmp_path / "engine")) as fake, closing(FileEvents(fake.state)) as events:
        fake.knob("down", "1")
        engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        with RunningService(home, CONTAINER_RUNTIME="docker", **engine) as service:
            service.may_log_errors = True
            events.until(lambda: sum(call[0] == "ps" for call in fake.calls()) >= 3)
            fake.knob("down")
            assert service.post({"text": "hello"}).json()["status"] == "done"
    log = (home / "logs/app.log").read_text()
    assert log.count("What runs in the engine is not known yet: no Docker engine answers") == 1
    assert log.count("The engine answers: what was accepted meanwhile is begun") == 1


def test_where_the_engine_goes_away_later_that_is_shown_too(home: Path, tmp_path: Path) -> None:
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
        with (
            RunningService(home, CONTAINER_RUNTIME="docker", **engine) as service,
            closing(LogLines(home / "logs/app.log")) as lines,
        ):
            (home / "groups/friends").mkdir()
            (home / "groups/friends/group.json").write_text("{}")
            service.post({"text": "hello"})
            assert "problem" not in service.get("/status").json()
            fake.knob("down", "1")
            service.post({"text": "hello", "id": "a", "group": "friends"}, "")
            lines.find("No container can be started")
            service.may_log_errors = True
            until(lambda: "no engine starts containers" in service.get("/status").json().get("problem", ""))
            fake.knob("down")
            assert service.get("/messages/a?wait=30").json()["status"] == "done"
            until(lambda: "problem" not in service.get("/status").json())


def test_a_callback_address_that_is_none_is_refused_with_the_reason(home: Path) -> None:
    with RunningService(home) as service:
        answer = service.post({"text": "hello", "callback_url": "ftp://host/"})
    assert answer.status_code == 400
    assert "callback_url" in answer.json()["detail"]
