"""group.json is there whole, or as it was: also where the service is killed between any two steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents import group_files
from openclaw.spool import dropdir, syscalls

EMPTY = b"{}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "main"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Carry out `act` in a child process that is killed before its `step`th call to the kernel; False: it had fewer."""
    child = os.fork()
    if child == 0:
        try:
            _count_calls(step)
            act()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _count_calls(step: int) -> None:
    left = step

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counting

    for name in ("close", "fchmod", "fsync", "link", "mkdir", "open", "rename", "unlink", "write"):
        setattr(os, name, counted(getattr(os, name)))
    for module in (dropdir, group_files):
        vars(module)["rename_new"] = counted(syscalls.rename_new)


def cuts(act: Callable[[], object]) -> Iterator[int]:
    """Every step of `act` at which it can be killed, after it was."""
    step = 1
    while killed_at(step, act):
        yield step
        step += 1
    assert step > 5, "the calls are not the ones that are counted"


def test_a_kill_at_any_step_leaves_settings_that_are_whole_or_none(folder: Path) -> None:
    path = folder / "group.json"
    for _ in cuts(lambda: group_files.ensure(folder, os.getuid())):
        if path.exists():
            assert path.read_bytes() == EMPTY
            path.unlink()
        assert names(folder) == [], "nothing that a container could reach"


def test_what_a_kill_has_left_is_in_nobodys_way(folder: Path) -> None:
    killed_at(4, lambda: group_files.ensure(folder, os.getuid()))

    group_files.ensure(folder, os.getuid())

    assert (folder / "group.json").read_bytes() == EMPTY
    assert os.stat(folder / "group.json").st_mode & 0o777 == 0o600


def test_a_kill_while_settings_are_replaced_leaves_the_old_or_the_new_ones(folder: Path) -> None:
    for _ in cuts(lambda: group_files.publish(folder, b'{"pids": 99}\n')):
        assert (folder / "group.json").exists() is False or (folder / "group.json").read_bytes() == b'{"pids": 99}\n'
    (folder / "group.json").write_bytes(EMPTY)
    for _ in cuts(lambda: group_files.publish(folder, b'{"pids": 99}\n')):
        assert (folder / "group.json").read_bytes() in (EMPTY, b'{"pids": 99}\n')


@pytest.mark.parametrize("there", [b"", b"?", b'{"pids": 99}'])
def test_what_is_there_stays_whatever_it_says(folder: Path, there: bytes) -> None:
    (folder / "group.json").write_bytes(there)

    group_files.ensure(folder, os.getuid())

    assert (folder / "group.json").read_bytes() == there


def test_settings_that_appear_meanwhile_stay_and_nothing_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def appear(fd: int) -> None:
        (folder / "group.json").write_bytes(b'{"pids": 99}')
        monkeypatch.undo()

    monkeypatch.setattr(os, "fsync", appear)

    group_files.ensure(folder, os.getuid())

    assert (folder / "group.json").read_bytes() == b'{"pids": 99}'
    assert names(folder.parent) == ["main"]


def test_a_disk_that_does_not_take_it_is_told_and_nothing_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="Input/output error"):
        group_files.ensure(folder, os.getuid())

    assert names(folder) == []
    assert names(folder.parent) == ["main"]
