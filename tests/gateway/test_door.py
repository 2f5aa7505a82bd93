"""A container's socket: where it is, whose it is, and that a later process takes its place."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from openclaw.gateway.door import Door
from tests.support.stranger import AS_ROOT

CONTAINER = 64321


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def make(directory: Path, stack: ExitStack, uid: int | None = None) -> Door:
    directory.mkdir(parents=True, exist_ok=True)
    door = Door("c1", "main", directory, os.getuid() if uid is None else uid, lambda _: True)
    stack.callback(door.close)
    return door


def knock(held: int) -> socket.socket:
    """A connection by a descriptor of the directory, as the container has it mounted."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(f"/proc/self/fd/{held}/s")
    return sock


def test_the_path_may_be_longer_than_a_sockets_name(tmp_path: Path, stack: ExitStack) -> None:
    directory = tmp_path / ("x" * 100) / ("y" * 100)
    door = make(directory, stack)
    held = os.open(directory, os.O_PATH)
    stack.callback(os.close, held)
    with knock(held) as theirs, door.accept() as ours:
        ours.sendall(b"hello")
        assert theirs.recv(10) == b"hello"
    assert os.listdir(directory) == ["s"]


def test_nobody_else_may_connect(tmp_path: Path, stack: ExitStack) -> None:
    make(tmp_path, stack)
    there = (tmp_path / "s").stat()
    assert (stat.S_IMODE(there.st_mode), there.st_uid) == (0o600, os.getuid())


@AS_ROOT
@pytest.mark.parametrize(("uid", "allowed"), [(CONTAINER, True), (65534, False), (1000, False)])
def test_where_the_service_is_root_it_is_the_containers_and_no_other_users(
    tmp_path: Path, stack: ExitStack, uid: int, allowed: bool
) -> None:
    """Each tries it from where the directory is mounted: by a descriptor, which nothing above stands in the way of."""
    make(tmp_path / "gw", stack, CONTAINER)
    (tmp_path / "gw").chmod(0o755)
    held = os.open(tmp_path / "gw", os.O_PATH)
    stack.callback(os.close, held)
    script = f"import os, socket; os.setgid({uid}); os.setuid({uid})\n"
    script += f"socket.socket(socket.AF_UNIX).connect('/proc/self/fd/{held}/s')"
    tried = subprocess.run(
        [sys.executable, "-c", script], pass_fds=[held], capture_output=True, text=True, timeout=30, check=False
    )
    assert (tried.returncode == 0) == allowed
    assert allowed or "PermissionError" in tried.stderr


def test_who_holds_the_directory_finds_the_socket_of_the_next_process(tmp_path: Path, stack: ExitStack) -> None:
    first = make(tmp_path, stack)
    held = os.open(tmp_path, os.O_PATH)
    stack.callback(os.close, held)
    first.close()  # as a killed process leaves it
    with pytest.raises(ConnectionRefusedError):
        knock(held)
    (tmp_path / ".s").touch()  # and perhaps this

    second = make(tmp_path, stack)
    with knock(held) as theirs, second.accept():
        assert theirs.fileno() > 0
    assert os.listdir(tmp_path) == ["s"]


def test_without_a_directory_there_is_no_door_and_nothing_is_left_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for missing in (tmp_path / "gone", tmp_path / "a-file"):
        (tmp_path / "a-file").touch()
        with pytest.raises(OSError, match="directory"):
            Door("c1", "main", missing, os.getuid(), lambda _: True)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_nobody_at_the_door_is_no_reason_to_wait(tmp_path: Path, stack: ExitStack) -> None:
    door = make(tmp_path, stack)
    with pytest.raises(BlockingIOError):
        door.accept()
