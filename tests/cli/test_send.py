"""`openclaw send`: what the sender is told when the service is not there, or goes away half-way."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.cli import main
from openclaw.cli.attach import Attached, attach
from openclaw.cli.client import CallLost, Client, ServiceDown
from openclaw.cli.send import run, send
from openclaw.clock import SystemClock
from openclaw.config import load
from openclaw.errors import OpenClawError
from openclaw.message import Message
from tests.support.file_events import FileEvents
from tests.support.service import RunningService


def test_where_no_service_runs_nothing_was_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with Client(url) as client, pytest.raises(ServiceDown, match="no service answers") as caught:
        send(client, Message("hello"), 0, SystemClock())
    assert not isinstance(caught.value, CallLost)


def test_a_ctrl_c_ends_the_wait_and_says_that_the_message_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with RunningService(home) as service, closing(FileEvents(home / "ipc/work")) as events:
        environ = {**service.environ(), "OPENCLAW_PORT": service.url.rpartition(":")[2]}
        command = [sys.executable, "-m", "openclaw", "send", "--id", "a", "/wait 600"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as sender:
            events.until((home / "ipc/work/a.json").exists)
            sender.send_signal(signal.SIGINT)
            _, told = sender.communicate(timeout=60)
        assert sender.returncode == 130
        assert "the message a goes on, and its reply comes to ipc/outbox/a.json" in told
        assert service.delete("/messages/a").status_code == 202


def test_the_id_of_a_message_that_may_have_been_accepted_is_told_and_makes_it_one_message(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with RunningService(home, OFFLINE_LATENCY="600000") as service, ThreadPoolExecutor(1) as pool:
        work = home / "ipc/work"
        with Client(service.url) as client, closing(FileEvents(work)) as events:
            reply = pool.submit(send, client, Message("hello"), 60, SystemClock())
            events.until(lambda: any(work.glob("[!.]*.json")))
            service.kill()
            with pytest.raises(CallLost, match="may have been accepted") as caught:
                reply.result(60)
    told = re.search("openclaw send --id ([0-9a-f]{16}) ", str(caught.value))
    assert told is not None
    with RunningService(home) as service, Client(service.url) as client:
        again = send(client, Message("hello", id=told[1]), 60, SystemClock())
    assert (again["id"], again["status"]) == (told[1], "done")
    assert [path.name for path in (home / "ipc/outbox").iterdir()] == [f"{told[1]}.json"]


def test_files_go_with_a_message_by_their_paths_in_the_groups_folder_where_others_are_copied_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    with RunningService(home, OFFLINE_LATENCY="600000") as service:
        (home / "groups/main/in").mkdir()
        (home / "groups/main/in/cat.jpg").touch()
        (tmp_path / "dog.jpg").touch()
        monkeypatch.setenv("OPENCLAW_HOME", str(home))
        monkeypatch.setenv("OPENCLAW_PORT", service.url.rpartition(":")[2])
        monkeypatch.chdir(home / "groups/main")
        files = ("--file", "in/cat.jpg", "--file", "../../../dog.jpg")

        assert main(["send", "look", "--id", "a", "--wait", "0", *files]) == 0

        work = json.loads((home / "ipc/work/a.json").read_bytes())
        assert work["message"]["attachments"] == ["in/cat.jpg", "files/dog.jpg"]


@pytest.mark.parametrize("cause", [OpenClawError("files takes no copy: No space left on device"), KeyboardInterrupt()])
def test_whatever_ends_the_copying_of_files_leaves_no_copy_of_a_message_that_was_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: BaseException
) -> None:
    home = tmp_path / "home"
    (tmp_path / "dog.jpg").write_text("dog")

    def attach_one(path: Path, folder: Path) -> Attached:
        if path.name == "cat.jpg":
            raise cause
        return attach(path, folder)

    monkeypatch.setattr("openclaw.cli.send.attach", attach_one)
    with RunningService(home) as service:
        monkeypatch.setenv("OPENCLAW_HOME", str(home))
        config = load({"OPENCLAW_HOME": str(home), "OPENCLAW_PORT": service.url.rpartition(":")[2]})
        files = [tmp_path / "dog.jpg", tmp_path / "cat.jpg"]
        given = argparse.Namespace(
            id=None, group="main", session=None, priority=None, text="look", json=False, wait=0.0, file=files
        )
        with pytest.raises(type(cause)):
            run(config, given)
        assert not list((home / "groups/main/files").iterdir())
        assert not [name for name in os.listdir(home / "ipc/work") if not name.startswith(".")]
