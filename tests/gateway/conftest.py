"""A stand-in for the API, and a gateway before it. No test here leaves a thread or a socket behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.gateway import GatewayClient, Hall, hall
from tests.support.messages_api import MessagesApi


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    gc.collect()
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
    gc.collect()
    assert set(threading.enumerate()) <= threads
    assert _sockets() <= sockets  # those that another test has left may go meanwhile


@pytest.fixture
def api(nothing_is_left: None) -> Iterator[MessagesApi]:
    with MessagesApi() as api:
        yield api


@pytest.fixture
def served(tmp_path: Path, api: MessagesApi) -> Iterator[Hall]:
    with hall(tmp_path, api.url) as served:
        yield served


@pytest.fixture
def door(served: Hall) -> Path:
    """The directory of a container `c1` of the group main, in which the turn `t1` is in flight."""
    return served.admit("c1", "main", "t1")


@pytest.fixture
def client(door: Path) -> Iterator[GatewayClient]:
    with GatewayClient(door) as client:
        yield client


def _sockets() -> set[str]:
    """Those that this process has open, as in "socket:[1234]"."""
    links = set()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing
            links.add(os.readlink(f"/proc/self/fd/{fd}"))
    return {link for link in links if link.startswith("socket:")}
