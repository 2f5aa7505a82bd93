"""Containers that take all that they can get: they get their limits, the answer says so, and nobody else notices."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers.cli import Cli
from openclaw.message.frames import STAGING
from openclaw.spool import IN_DELETE, Inotify
from openclaw.spool.spares import MAX_SPARES
from tests.docker.conftest import names_of
from tests.docker.subagents import SuspiciousService, assert_nothing_is_left, reply_to, spawn, unhurt_neighbours
from tests.support.begun import wait_until_begun
from tests.support.file_events import FileEvents
from tests.support.gate import Gate
from tests.support.service import RunningService

only_root_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "groups/main").mkdir(parents=True)
    return home


def limit(home: Path, settings: str) -> None:
    """Give Main's subagents these settings."""
    (home / "groups/main/group.json").write_text(settings)


def wait_for_file(path: Path) -> str:
    """Return when something is written there: what it says."""
    with closing(FileEvents(path.parent)) as events:
        events.until(lambda: path.exists() and path.read_text() != "")
    return path.read_text()


# Memory


def test_a_command_that_takes_too_much_memory_is_killed_alone_and_the_answer_says_why(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    limit(home, '{"memory_mb": 64}')
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, "/run python3 -c 'bytearray(200 << 20)'; echo the runner lives")
            reply = reply_to(service, child)
        assert (reply["status"], reply["attempt"]) == ("done", 1)
        assert "Killed\nthe runner lives\n(exit code 0)\n(The container ran out of memory" in reply["text"]
        assert_nothing_is_left(service, engine, settings)


def test_a_container_that_runs_out_of_memory_as_a_whole_is_tried_twice_and_the_reply_says_why(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    limit(home, '{"memory_mb": 64}')
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, "/run head -c 200M /dev/zero > /tmp/x")  # where /tmp is memory
            reply = reply_to(service, child)
        assert (reply["status"], reply["attempt"]) == ("failed", 2)
        allowed = "its limit is memory_mb in groups/main/group.json, 64 MiB; raise it, or ask for less at once"
        ended = f"the container ended (exit 137, it ran out of memory: {allowed})"
        assert reply["error"].startswith(f"{ended}, and so had the first attempt")
        assert_nothing_is_left(service, engine, settings)


# Processes

AS_MANY_AS_IT_GETS = """/run python3 -c '
import fcntl, os, time
born = 1
try:
    while os.fork() != 0:
        born += 1
    os.setsid()
    time.sleep(1000)
except BlockingIOError:
    open("refused", "w").write(str(born))
    fcntl.flock(open("gate"), fcntl.LOCK_SH)'
"""

EACH_MAKES_MORE = """/run python3 -c '
import os
while True:
    try:
        os.fork() or os.setsid()
    except BlockingIOError:
        open("refused", "w").write("all")'
"""


def test_a_fork_bomb_stays_in_its_container_and_nothing_of_it_is_left(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    limit(home, '{"pids": 64}')
    with RunningService(home, **settings) as service:
        with Gate(home / "groups/main") as gate, unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, AS_MANY_AS_IT_GETS)
            assert 40 < int(wait_for_file(home / "groups/main/refused")) < 64
            (container,) = names_of(engine, settings, "subagent")
            processes = engine.run(["top", container, "-o", "pid"]).stdout.split()[1:]
            assert 40 < len(processes) <= 64
            assert service.post({"text": "hello"}).json()["route"] == "persistent"
            (other,) = spawn(service, "/run echo well", parent="other")
            assert reply_to(service, other)["text"] == "well\n(exit code 0)"
            gate.open()
            reply = reply_to(service, child)
        assert (reply["status"], reply["attempt"]) == ("done", 1)
        assert "The container was refused a process more" in reply["text"]
        assert_nothing_is_left(service, engine, settings)
    assert not [pid for pid in processes if Path("/proc", pid).exists()]


def test_a_fork_bomb_that_goes_on_is_ended_by_a_cancel(home: Path, engine: Cli, settings: dict[str, str]) -> None:
    limit(home, '{"pids": 64, "cpus": 0.5}')
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, EACH_MAKES_MORE)
            wait_for_file(home / "groups/main/refused")
            assert service.post({"text": "hello"}).json()["route"] == "persistent"
            service.delete(f"/messages/{child}")
            assert reply_to(service, child)["status"] == "cancelled"
        assert_nothing_is_left(service, engine, settings)


# Output and files


def test_a_container_that_floods_its_output_is_kept_short(home: Path, engine: Cli, settings: dict[str, str]) -> None:
    lines = "yes $(head -c 8000 /dev/zero | tr '\\0' x) | head -c 200M"
    with RunningService(home, **settings) as service:
        with Gate(home / "groups/main") as gate, unhurt_neighbours(service, engine, settings):
            task = f"/run {lines} > /proc/1/fd/1; {lines} > /proc/1/fd/2; echo x > written; {gate.command} echo over"
            (child,) = spawn(service, task)
            wait_until_begun(home, child)
            assert service.post({"text": "hello"}).json()["route"] == "persistent"
            (other,) = spawn(service, "/run echo well", parent="other")
            assert reply_to(service, other)["text"] == "well\n(exit code 0)"
            wait_for_file(home / "groups/main/written")
            (flooded,) = names_of(engine, settings, "subagent")
            kept = engine.run(["logs", flooded], 60)
            assert len(kept.stdout) + len(kept.stderr) < 2_000_000
            gate.open()
            reply = reply_to(service, child)
        assert (reply["text"], reply["attempt"]) == ("over\n(exit code 0)", 1)
        assert_nothing_is_left(service, engine, settings)


def test_a_container_that_fills_its_temporary_folder_is_told_that_it_is_full(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, "/run head -c 400M /dev/zero > /tmp/x")
            reply = reply_to(service, child)
        assert "No space left on device\n(exit code 1)" in reply["text"]
        assert_nothing_is_left(service, engine, settings)


@pytest.fixture
def small_folder(home: Path) -> Iterator[Path]:
    """The folder of the group `family`, on a file system of its own."""
    folder = home / "groups/family"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", folder], check=True, timeout=60)
    (folder / "group.json").write_text("{}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True, timeout=60)


@only_root_mounts
def test_a_group_whose_folder_is_a_file_system_of_its_own_fills_that_and_no_more(
    home: Path, small_folder: Path, engine: Cli, settings: dict[str, str]
) -> None:
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            full = service.post({"text": "/run head -c 64M /dev/zero > big", "group": "family"}).json()
            assert "No space left on device\n(exit code 1)" in full["text"]
            again = service.post({"text": "/run rm big && echo better", "group": "family"}).json()
            assert (again["text"], again["attempt"]) == ("better\n(exit code 0)", 1)
        assert_nothing_is_left(service, engine, settings)


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """A home with a disk of its own."""
    home = tmp_path / "small"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", home], check=True, timeout=60)
    (home / "groups/main").mkdir(parents=True)
    yield home
    subprocess.run(["umount", "--lazy", home], check=True, timeout=60)


@only_root_mounts
def test_a_container_that_fills_the_disk_gets_its_reply_out_once_there_is_room(
    small_home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = small_home
    with SuspiciousService(home, **settings) as service:
        with Gate(home / "groups/main") as gate:
            (child,) = spawn(service, f"/run cat /dev/zero > big; : > full; {gate.command} echo over")
            out = home / "ipc/channels" / wait_until_begun(home, child) / "out"
            with closing(FileEvents(home / "groups/main")) as events:
                events.until((home / "groups/main/full").exists)
            posts = [service.post({"text": "hello"}, "") for _ in range(MAX_SPARES + 1)]  # spare files have their place
            taken = [post.json()["id"] for post in posts if post.status_code == 202]
            assert posts[-1].status_code == 503
            assert "free some disk space" in posts[-1].json()["detail"]
            with closing(Inotify()) as removals:
                removals.add_watch(out / STAGING, IN_DELETE)
                gate.open()
                assert select.select([removals], [], [], 60)[0]  # of the response that did not fit
            (home / "groups/main/big").unlink()
        reply = reply_to(service, child)
        assert "No space left on device" in reply["text"]
        assert (reply["status"], reply["attempt"]) == ("done", 1)
        assert [reply_to(service, each)["route"] for each in taken] == ["persistent"] * len(taken)
        assert service.post({"text": "hello"}).json()["route"] == "persistent"
        assert_nothing_is_left(service, engine, settings)
