"""The kernel's timer: readable at its moment, not before, and when the clock is set."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from openclaw.schedule import timerfd
from openclaw.schedule.timerfd import TimerFd

SOON = 30_000
"""Milliseconds within which the kernel has told."""


@pytest.fixture
def timer() -> Iterator[TimerFd]:
    with closing(TimerFd()) as timer:
        yield timer


def is_ready(timer: TimerFd, patience: int) -> bool:
    poll = select.poll()
    poll.register(timer.fileno(), select.POLLIN)
    return bool(poll.poll(patience))


def test_it_wakes_at_its_moment_and_not_before(timer: TimerFd) -> None:
    moment = time.time() + 0.05
    assert timer.arm(moment)

    assert is_ready(timer, SOON)

    assert time.time() >= moment
    assert timer.heard() == "due"
    assert timer.heard() == "nothing"
    assert not is_ready(timer, 0)


@pytest.mark.parametrize("moment", [-5.0, 0.0, 0.25, 1_000_000_000.0])
def test_a_moment_that_is_past_has_come_at_once(timer: TimerFd, moment: float) -> None:
    assert timer.arm(moment)
    assert is_ready(timer, SOON)
    assert timer.heard() == "due"


def test_it_waits_for_the_last_moment_that_it_was_given(timer: TimerFd) -> None:
    timer.arm(1.0)
    assert timer.arm(time.time() + 100_000)
    assert not is_ready(timer, 0)
    assert timer.arm(1.0)
    assert timer.arm(None)
    assert not is_ready(timer, 0)
    assert timer.heard() == "nothing"


def test_it_is_cancelled_when_the_clock_is_set(timer: TimerFd, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel was asked for is looked at where it shows it; the clock of this machine is not ours to set."""
    timer.arm(time.time() + 100_000)
    with open(f"/proc/self/fdinfo/{timer.fileno()}") as info:
        shown = dict(line.split(": ", 1) for line in info.read().splitlines() if ": " in line)
    assert shown["clockid"] == "0"  # CLOCK_REALTIME
    assert int(shown["settime flags"], 8) == 3  # TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET

    def cancelled(*_: Any) -> bytes:
        raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))

    monkeypatch.setattr(os, "read", cancelled)
    assert timer.heard() == "clock set"


def test_a_clock_that_is_set_while_it_is_armed_is_told(timer: TimerFd, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        @staticmethod
        def timerfd_settime(*_: Any) -> int:
            return -1

    monkeypatch.setattr(timerfd, "_libc", Libc)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.ECANCELED)
    assert not timer.arm(5.0)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EINVAL)
    with pytest.raises(OSError, match="Invalid argument"):
        timer.arm(5.0)
