"""What the reference operations cost, in ms: the specification's figures, or this machine's after a calibration.

Cost is not linear: each operation has a figure for one alone and one for a hundred threads at once, per operation. A
calibration is kept in a file of its own, below the user's cache directory, for it tells of this machine only. To its
containers, which have no such file, an environment variable tells what it holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

REFERENCE: dict[str, float] = {
    "open_read": 0.3,
    "write": 0.5,
    "fsync": 3.0,
    "listdir": 0.75,
    "subprocess": 27.5,
    "http_local": 3.0,
    "http_session": 0.75,
    "http": 275.0,
    "json": 0.01,
    "thread": 0.75,
    "fork": 7.5,
    "stat": 0.05,
    "rename": 0.1,
    "dns": 20.0,
    "flush": 0.02,
    "cpu": 5.0,
}
"""Middle of each range that the specification gives; write, stat, rename, dns, flush and cpu are not in it."""

ASSUMED = frozenset({"write", "stat", "rename", "dns", "flush", "cpu", "http"})
"""Figures that no calibration replaces, or that the specification does not have: they depend on what is there."""

MEASURED = (
    "open_read",
    "fsync",
    "listdir",
    "subprocess",
    "http_local",
    "http_session",
    "json",
    "thread",
    "fork",
    "stat",
)
"""What a calibration measures."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one operation alone, and of one among a hundred at the same time."""

    one: float
    hundred: float
    calibrated: bool = False

    def at(self, agents: int) -> float:
        """Milliseconds of one operation where `agents` do it at once; a straight line between the two figures."""
        share = min(max(agents - 1, 0), 99) / 99
        return self.one + (self.hundred - self.one) * share


class Costs:
    """The costs that estimates are made from."""

    def __init__(self, calibrated: Mapping[str, tuple[float, float]] | None = None) -> None:
        self._costs = {key: Cost(value, value) for key, value in REFERENCE.items()}
        for key, (one, hundred) in (calibrated or {}).items():
            if key in REFERENCE:
                self._costs[key] = Cost(one, hundred, calibrated=True)

    @property
    def calibrated(self) -> bool:
        return any(cost.calibrated for cost in self._costs.values())

    def __getitem__(self, key: str) -> Cost:
        return self._costs[key]


HANDED_ON = "OPENCLAW_AUDIT_COSTS"
"""The environment variable by which a container is told of its machine's calibration: the file's JSON, on one line."""


def default_file(environ: Mapping[str, str]) -> str:
    """Where the calibration of this machine is kept."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/tmp"), ".cache")
    return os.path.join(cache, "openclaw", "audit-costs.json")


def current(environ: Mapping[str, str]) -> Costs:
    """The costs to estimate with here: of the calibration that is kept, else of the one that was handed on.

    Raises ValueError for one that is damaged.
    """
    kept = load(default_file(environ))
    if kept.calibrated or not environ.get(HANDED_ON):
        return kept
    return Costs(_measured(environ[HANDED_ON], HANDED_ON))


def load(path: str) -> Costs:
    """The costs of a calibration file; the reference where there is none. Raises ValueError for one that is damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            return Costs(_measured(file.read(), path))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return Costs()


def handed_on(path: str) -> str:
    """What a container is told of the calibration in `path`; empty where none can be used. Never raises."""
    try:
        with open(path, encoding="utf-8") as file:
            measured = _measured(file.read(), path)
    except (OSError, ValueError):
        return ""
    short = {key: [float(f"{ms:.4g}") for ms in measured[key]] for key in REFERENCE if key in measured}
    return json.dumps({"ms": short}, separators=(",", ":"))


def _measured(text: str, source: str) -> dict[str, tuple[float, float]]:
    """Operation → its two figures. Raises ValueError, which names `source`."""
    try:
        given = json.loads(text)["ms"]
        return {str(key): (float(one), float(hundred)) for key, (one, hundred) in given.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{source} is no calibration: remove it, or run the calibration again") from None


def save(path: str, measured: Mapping[str, tuple[float, float]], date: str) -> None:
    """Keep a calibration. Raises OSError where that is not possible."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    hidden = f"{path}.{os.getpid()}"
    with open(hidden, "w", encoding="utf-8") as file:
        json.dump({"date": date, "ms": {key: list(pair) for key, pair in measured.items()}}, file, indent=1)
    os.replace(hidden, path)
