"""The kernel's timer, by ctypes: one moment of the day at which a descriptor becomes readable, and nothing before.

It goes by CLOCK_REALTIME, which is what people mean by a time, and is cancelled when that clock is set, so that
whoever waits can look anew: a moment may have been jumped over, or be further away than it was.
See timerfd_create(2); the constants are those of <sys/timerfd.h>. Belongs to one thread.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
from typing import Final, Literal

_CLOCK_REALTIME: Final = 0
_ABSTIME: Final = 1  # TFD_TIMER_ABSTIME
_CANCEL_ON_SET: Final = 2  # TFD_TIMER_CANCEL_ON_SET
_READ_SIZE: Final = 8

Heard = Literal["nothing", "due", "clock set"]

_libc = ctypes.CDLL(None, use_errno=True)


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class TimerFd:
    """One timer. Every method raises OSError."""

    def __init__(self) -> None:
        self._fd: int = _libc.timerfd_create(_CLOCK_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise _error()

    def fileno(self) -> int:
        """The descriptor, for poll; readable when the moment has come or the clock was set."""
        return self._fd

    def arm(self, moment: float | None) -> bool:
        """Wait for `moment`, seconds since 1970, or with None for nothing. One that is past has come at once.

        False where the clock was set at this very time: look again, and arm anew.
        """
        spec = _TimerSpec()
        flags = 0
        if moment is not None:
            part, whole = math.modf(max(moment, 0.0))
            # All zero would disarm it: the first nanosecond of 1970 is past as well.
            spec.value = _TimeSpec(int(whole), max(int(part * 1e9), 1))
            flags = _ABSTIME | _CANCEL_ON_SET
        if _libc.timerfd_settime(self._fd, flags, ctypes.byref(spec), None) == 0:
            return True
        if ctypes.get_errno() == errno.ECANCELED:
            return False
        raise _error()

    def heard(self) -> Heard:
        """What has happened since it was armed."""
        try:
            os.read(self._fd, _READ_SIZE)
        except BlockingIOError:
            return "nothing"
        except OSError as error:
            if error.errno == errno.ECANCELED:
                return "clock set"
            raise
        return "due"

    def close(self) -> None:
        os.close(self._fd)


def _error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
