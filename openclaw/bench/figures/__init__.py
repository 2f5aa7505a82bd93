"""The figures, in the order in which they are measured and shown."""

from openclaw.bench.figure import Figure
from openclaw.bench.figures import accepts, burst, drop, full_home, idle, on_demand, reply, thousand

FIGURES: tuple[Figure, ...] = (
    reply.FIGURE,
    on_demand.FIGURE,
    drop.FIGURE,
    accepts.FIGURE,
    burst.FIGURE,
    thousand.FIGURE,
    idle.FIGURE,
    full_home.FIGURE,
)

__all__ = ["FIGURES"]
