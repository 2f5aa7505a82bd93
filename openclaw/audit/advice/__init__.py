"""Everything that the audit says of its findings, a table for each dimension."""

from __future__ import annotations

from openclaw.audit.advice import (
    blocking,
    caching,
    disk,
    memory,
    parallel,
    polling,
    processes,
    scaling,
    synchronous,
)
from openclaw.audit.advice.model import Advice

ADVICE: dict[str, Advice] = {
    **blocking.ADVICE,
    **synchronous.ADVICE,
    **polling.ADVICE,
    **disk.ADVICE,
    **processes.ADVICE,
    **memory.ADVICE,
    **scaling.ADVICE,
    **caching.ADVICE,
    **parallel.ADVICE,
}
"""Rule → what is said of it."""
