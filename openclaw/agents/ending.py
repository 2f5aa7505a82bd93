"""How a container has ended, in the words of a reply or of the log. Pure."""

from __future__ import annotations

from openclaw.agents.group_files import SETTINGS
from openclaw.agents.specs import MAIN_MEMORY_MB
from openclaw.containers.runtime import OUT_OF_MEMORY, Exit


def cause_in_main(gone: Exit) -> str:
    """Why Main's persistent container has ended; empty where the exit code says all."""
    if gone.detail != OUT_OF_MEMORY:
        return gone.detail
    return f"{OUT_OF_MEMORY}: it has {MAIN_MEMORY_MB} MiB for all turns at once; have subagents do what takes much"


def cause_in_dedicated(gone: Exit, group: str, memory_mb: int | None) -> str:
    """The same of a single-use container for `group`, which was allowed `memory_mb`; None: that is not known here."""
    if gone.detail != OUT_OF_MEMORY:
        return gone.detail
    now = "" if memory_mb is None else f", {memory_mb} MiB"
    limit = f"its limit is memory_mb in groups/{group}/{SETTINGS}{now}"
    return f"{OUT_OF_MEMORY}: {limit}; raise it, or ask for less at once"
