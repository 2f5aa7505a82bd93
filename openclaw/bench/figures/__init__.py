"""The figures, in the order in which they are measured and shown."""

from openclaw.bench.figure import Figure
from openclaw.bench.figures import (
    accepts,
    alive,
    burst,
    drop,
    full_home,
    hundred_sessions,
    hundred_subagents,
    idle,
    on_demand,
    reply,
    spawn,
    thousand,
    twenty_groups,
)

FIGURES: tuple[Figure, ...] = (
    reply.FIGURE,
    on_demand.FIGURE,
    spawn.FIGURE,
    drop.FIGURE,
    accepts.FIGURE,
    burst.FIGURE,
    thousand.FIGURE,
    hundred_sessions.FIGURE,
    hundred_subagents.FIGURE,
    twenty_groups.FIGURE,
    alive.FIGURE,
    idle.FIGURE,
    full_home.FIGURE,
)

__all__ = ["FIGURES"]
