"""The figures, in the order in which they are measured and shown."""

from openclaw.bench.figure import Figure
from openclaw.bench.figures import (
    accepts,
    alive,
    burst,
    cancel,
    drop,
    full_home,
    hundred_sessions,
    hundred_subagents,
    idle,
    model,
    on_demand,
    reply,
    seed_table,
    spawn,
    streams,
    thousand,
    twenty_groups,
)

FIGURES: tuple[Figure, ...] = (
    reply.FIGURE,
    on_demand.FIGURE,
    model.FIGURE,
    seed_table.FIGURE,
    streams.FIGURE,
    spawn.FIGURE,
    drop.FIGURE,
    accepts.FIGURE,
    burst.FIGURE,
    thousand.FIGURE,
    hundred_sessions.FIGURE,
    hundred_subagents.FIGURE,
    cancel.FIGURE,
    twenty_groups.FIGURE,
    alive.FIGURE,
    idle.FIGURE,
    full_home.FIGURE,
)

__all__ = ["FIGURES"]
