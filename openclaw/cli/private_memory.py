"""Keeps the memory of this process to itself: it holds the keys, and what people wrote.

Called once, by the main thread. From then on the kernel writes no core dump of the process, whatever program would take
one, and neither its memory nor its environment is open to other processes of its user (prctl(2), PR_SET_DUMPABLE).
What it starts is not concerned. Root can read it as before.
"""

from __future__ import annotations

import ctypes
import logging
import os

log = logging.getLogger(__name__)

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def keep() -> None:
    """Where the kernel does not do it, the log says so, and nothing else happens."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        log.warning("A core dump of this process would hold its keys: %s", os.strerror(ctypes.get_errno()))
