"""Metrics: counters, histograms and gauges, and their text for `GET /metrics`.

Owns the series. Any thread counts, observes and renders; gauges are read when somebody asks, on the thread that asks,
and keep nothing here. Label values may come from outside: a name holds at most MAX_SERIES of them, whatever is beyond
counts as "other", so that memory stays bounded and sums stay right.

The text is Prometheus' exposition format, version 0.0.4:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 1000
"""Label combinations of one name; the next ones are folded into "other"."""
OTHER = "other"

DURATIONS_MS = (
    *(1, 2.5, 5, 10, 25, 50, 100, 250, 500),
    *(1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000),
)
"""Upper bounds in ms, from a turn without a model to the longest that a person waits for."""

Labels = tuple[str, ...]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


_F = TypeVar("_F", bound="_Family")


class Metrics:
    """All metrics of the service. Names and labels are checked when they are made: ValueError, a slip in the code."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by _lock: _families, in the order in which they were made. The families have locks of their own.
        self._families: dict[str, _Family] = {}

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        """A count that only grows; by custom `name` ends in `_total`."""
        return self._add(name, Counter(_Series(name, labels), help))

    def histogram(
        self, name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = DURATIONS_MS
    ) -> Histogram:
        """How values are spread over `buckets`, their upper bounds in rising order; +Inf is added."""
        return self._add(name, Histogram(_Series(name, (*labels, "le")), help, buckets))

    def gauge(
        self, name: str, help: str, read: Callable[[], float | Mapping[Labels, float]], labels: Sequence[str] = ()
    ) -> None:
        """A value that goes up and down: `read` gives it, or one for each tuple of label values.

        `read` is called on the thread that renders, must be quick and must not raise.
        """
        self._add(name, _Gauge(_Series(name, labels), help, read))

    def render(self) -> str:
        """The text for `GET /metrics`."""
        with self._lock:
            families = list(self._families.items())
        lines: list[str] = []
        for name, family in families:
            lines.append(f"# HELP {name} {_escape(family.help)}")
            lines.append(f"# TYPE {name} {family.kind}")
            lines.extend(family.lines())
        return "".join(f"{line}\n" for line in lines)

    def _add(self, name: str, family: _F) -> _F:
        with self._lock:
            if name in self._families:
                raise ValueError(f"metric {name} exists already")
            self._families[name] = family
        return family


class _Family(Protocol):
    """What stands under one name."""

    kind: str
    help: str

    def lines(self) -> Iterator[str]: ...


class _Series:
    """The label values of one name, at most MAX_SERIES of them."""

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        if not _NAME.fullmatch(name) or not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError(f"{name} {tuple(labels)} is no name of a metric and its labels")
        self.name = name
        self.labels = tuple(labels)

    def fold(self, values: Labels, known: Mapping[Labels, object]) -> Labels:
        """`values`, or OTHER for each where there are too many series already."""
        return values if values in known or len(known) < MAX_SERIES else (OTHER,) * len(values)

    def line(self, suffix: str, values: Labels, value: float, labels: Labels | None = None) -> str:
        pairs = zip(self.labels if labels is None else labels, values, strict=True)
        inside = ",".join(f'{label}="{_escape_value(given)}"' for label, given in pairs)
        return f"{self.name}{suffix}{f'{{{inside}}}' if inside else ''} {_number(value)}"


class Counter:
    """A number that only grows, one for each tuple of label values."""

    kind = "counter"

    def __init__(self, series: _Series, help: str) -> None:
        self.help = help
        self._series = series
        self._lock = threading.Lock()
        # Guarded by _lock: the counts.
        self._counts: dict[Labels, float] = {}

    def inc(self, *values: str, by: float = 1) -> None:
        with self._lock:
            key = self._series.fold(values, self._counts)
            self._counts[key] = self._counts.get(key, 0) + by

    def lines(self) -> Iterator[str]:
        with self._lock:
            counts = sorted(self._counts.items())
        return (self._series.line("", values, count) for values, count in counts)


class Histogram:
    """How values are spread, one spread for each tuple of label values."""

    kind = "histogram"

    def __init__(self, series: _Series, help: str, buckets: Sequence[float]) -> None:
        self.help = help
        self._series = series
        self._bounds = (*buckets, math.inf)
        self._lock = threading.Lock()
        # Guarded by _lock: counts for each bucket, and the sum last.
        self._spreads: dict[Labels, list[float]] = {}

    def observe(self, value: float, *values: str) -> None:
        with self._lock:
            key = self._series.fold(values, self._spreads)
            spread = self._spreads.setdefault(key, [0.0] * (len(self._bounds) + 1))
            spread[bisect_left(self._bounds, value)] += 1
            spread[-1] += value

    def lines(self) -> Iterator[str]:
        with self._lock:
            spreads = sorted((values, list(spread)) for values, spread in self._spreads.items())
        for values, spread in spreads:
            total = 0.0
            for bound, count in zip(self._bounds, spread, strict=False):
                total += count
                yield self._series.line("_bucket", (*values, _number(bound)), total)
            plain = self._series.labels[:-1]
            yield self._series.line("_sum", values, spread[-1], plain)
            yield self._series.line("_count", values, total, plain)


class _Gauge:
    """A value that is read when somebody asks."""

    kind = "gauge"

    def __init__(self, series: _Series, help: str, read: Callable[[], float | Mapping[Labels, float]]) -> None:
        self.help = help
        self._series = series
        self._read = read

    def lines(self) -> Iterator[str]:
        value = self._read()
        rows = value if isinstance(value, Mapping) else {(): value}
        return (self._series.line("", values, given) for values, given in list(rows.items())[:MAX_SERIES])


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escape_value(text: str) -> str:
    return _escape(text).replace('"', '\\"')
