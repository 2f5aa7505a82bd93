"""What the service manager is told, over a real socket."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.service.manager import STOP_MARGIN, Manager


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        yield listening


def test_it_is_told_that_the_service_is_ready_lives_and_stops(heard: socket.socket) -> None:
    manager = Manager({"NOTIFY_SOCKET": heard.getsockname()})
    manager.ready()
    manager.alive()
    manager.stopping(60.0)
    stop_us = int((60 + STOP_MARGIN) * 1e6)
    assert [heard.recv(4096).decode() for _ in range(3)] == [
        "READY=1",
        "WATCHDOG=1",
        f"STOPPING=1\nEXTEND_TIMEOUT_USEC={stop_us}",
    ]


def test_an_abstract_address_is_understood() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind("")  # the kernel chooses an abstract one
        listening.settimeout(10)
        Manager({"NOTIFY_SOCKET": "@" + listening.getsockname()[1:].decode()}).ready()
        assert listening.recv(4096) == b"READY=1"


def test_children_are_not_told_how_to_speak_for_the_service() -> None:
    environ = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "1", "HOME": "/root"}
    manager = Manager(environ)
    assert environ == {"HOME": "/root"}
    assert manager.watchdog_s == 180


@pytest.mark.parametrize("given", ["", "soon", "-1", "²"])
def test_what_is_no_number_means_that_nobody_watches(given: str) -> None:
    assert Manager({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": given}).watchdog_s == 0


def test_without_a_manager_nobody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    Manager({"WATCHDOG_USEC": "1000000"}).ready()
    assert caplog.records == []


def test_a_manager_that_is_gone_is_said_and_hurts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()
    assert "could not be told WATCHDOG=1: No such file or directory" in caplog.text
