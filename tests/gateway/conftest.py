"""A stand-in for the API, and a gateway before it. No test here leaves a thread or a descriptor behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import GatewayClient, Hall, hall
from tests.support.messages_api import MessagesApi


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    gc.collect()
    threads, files = set(threading.enumerate()), _open_files()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
    gc.collect()
    assert set(threading.enumerate()) <= threads
    assert _open_files() == files


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


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
