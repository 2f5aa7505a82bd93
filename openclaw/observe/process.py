"""What the process tells of itself, for `GET /metrics`. Stateless; any thread may call."""

from __future__ import annotations

import os
import resource


def open_descriptors() -> float:
    """How many descriptors are open, without the one that it takes to look; the limit where there is none left for it.

    Others than root cannot look: the process keeps what it holds to itself, see prctl(2), PR_SET_DUMPABLE.
    """
    try:
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
