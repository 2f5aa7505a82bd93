"""`openclaw send`: what the sender is told when the service is not there, or goes away half-way."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.cli.client import CallLost, Client, ServiceDown
from openclaw.cli.send import send
from openclaw.clock import SystemClock
from openclaw.message import Message
from tests.support.file_events import FileEvents
from tests.support.service import RunningService


def test_where_no_service_runs_nothing_was_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with Client(url) as client, pytest.raises(ServiceDown, match="no service answers") as caught:
        send(client, Message("hello"), 0, SystemClock())
    assert not isinstance(caught.value, CallLost)


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
