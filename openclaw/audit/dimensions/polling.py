"""Dimension 3, inefficient polling: intervals, loops that only spin, folders that inotify would tell of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions.spins import POLLS, asks_the_clock, blocks_by_name, may_spin, spins
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module
from openclaw.audit.places import is_retry, loop_calls, sleep_of
from openclaw.audit.syntax import FUNCTIONS, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import number

OFTEN = 1.0
"""Seconds below which any poll is too frequent."""
OFTEN_HTTP = 5.0
OFTEN_PROCESS = 2.0
WATCHED = 10.0
"""Seconds below which a folder is better watched."""
SELDOM = 600.0
FINE = 0.1
VERY_FINE = 0.02
"""A wait that wakes up fifty times a second is one where somebody should be told, whatever its limit."""


def local(_module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    """Loops that spin: nothing in their turn waits, and nothing in it gets anywhere."""
    for loop in function.loops:
        node = loop.node
        if isinstance(node, ast.While) and spins(node, loop, typer, function):
            yield Hint("busy_wait", loop.line, function, loop, {"test": source(node.test)})
        elif isinstance(node, ast.While) and loop.endless and may_spin(node, loop):
            facts = {"test": source(node.test), "clock": "yes" if asks_the_clock(node) else ""}
            yield Hint("asks_at_once", loop.line, function, loop, facts)
    if isinstance(function.node, FUNCTIONS):
        yield from _timers(function)


def _timers(function: Function) -> Iterator[Hint]:
    """A function that starts a timer for itself."""
    for call in function.calls:
        if call.name == "threading.Timer" and call.node is not None and len(call.node.args) > 1:
            given = text(call.node.args[1]).rpartition(".")[2]
            seconds = number(call.node.args[0], function)
            if given == function.name and seconds is not None and seconds < OFTEN:
                yield Hint("timer_poll", call.line, function, None, {"seconds": f"{seconds:g}"})


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "busy_wait" or (
                hint.rule == "asks_at_once"
                and hint.loop is not None
                and _never_rests(project, hint.loop, bool(hint.facts["clock"]))
            ):
                yield found(function, hint.line, "busy_wait", "3.2", severity=Severity.CRITICAL, facts=hint.facts)
            elif hint.rule == "timer_poll":
                yield found(function, hint.line, "timer_poll", "3.1", facts=hint.facts)
        for loop in function.loops:
            yield from _poll(project, loop)


def _never_rests(project: Project, loop: Loop, clock: bool) -> bool:
    """Whether nothing in a loop's turn waits, as far as the project knows what is called, and it asks the disk."""
    bits = 0
    for call in loop_calls(loop):
        callee = project.callee(call)
        if callee is not None and (callee.effects & _RESTS or any(blocks_by_name(inner) for inner in callee.calls)):
            return False
        if call.effects & _RESTS or blocks_by_name(call):
            return False
        if clock and callee is None and call.name.startswith("?") and call.method != "start":
            return False  # may well wait
        bits |= project.effects(call)
    return clock or bool(bits & (fx.STAT | fx.LIST))


_RESTS = fx.SLEEP | fx.WAIT | fx.HTTP | fx.CONNECT | fx.PROCESS


def _poll(project: Project, loop: Loop) -> Iterator[Finding]:
    if loop.kind == "comp" or any(
        outer.endless and outer.kind == "while" for outer in loop.chain()[1:] if loop.kind == "for"
    ):
        return
    paused = sleep_of(project, loop)
    if paused is None:
        return
    call, seconds = paused
    if seconds is None or _inner_of(call, loop):
        return
    bits = 0
    for other in loop_calls(loop):
        if other is not call and not other.place & model.IN_LAMBDA:
            bits |= project.effects(other)
    points = _points(loop, call, seconds, bits)
    if not points:
        return
    severity = Severity.CRITICAL if seconds < OFTEN and bits & (fx.FILES | fx.PROCESS) else Severity.IMPORTANT
    rule = "seldom" if seconds >= SELDOM else "poll_files" if bits & (fx.LIST | fx.STAT) else "poll"
    yield found(
        loop.function,
        call.line,
        rule,
        *points,
        severity=severity,
        seconds=f"{seconds:g}",
        rate=f"{_rate(seconds):g}",
        call=source(call.node),
        bits=str(bits),
    )


def _rate(seconds: float) -> float:
    return round(1 / seconds, 2) if seconds else 1000.0


def _inner_of(call: Call, loop: Loop) -> bool:
    """Whether the pause belongs to an inner loop that is judged by itself."""
    return call.loop is not loop and any(inner.endless or inner.deadline for inner in _between(call, loop))


def _between(call: Call, loop: Loop) -> list[Loop]:
    assert call.loop is not None
    chain = call.loop.chain()
    return chain[: chain.index(loop)]


def _points(loop: Loop, call: Call, seconds: float, bits: int) -> list[str]:
    waits = call.name not in fx.PAUSES
    looks = bits & (fx.LIST | fx.STAT)
    if waits and not looks and not (bits & (fx.READ | fx.HTTP | fx.PROCESS) and seconds < OFTEN):
        return []
    if not loop.endless and not (bits & _LOOKS and isinstance(loop.test, ast.Name | ast.Attribute)):
        return _bounded(loop, call, seconds, bits)
    if call.place & model.IN_EXCEPT and not looks:
        if seconds >= OFTEN or is_retry(loop):
            return []
        return ["3.1", "3.4"] if seconds < FINE else ["3.1"]
    points = []
    if seconds < OFTEN or (bits & fx.HTTP and seconds < OFTEN_HTTP) or (bits & fx.PROCESS and seconds < OFTEN_PROCESS):
        points.append("3.1")
    if looks and seconds < WATCHED and not _has_inotify(loop):
        points.append("3.3")
    if seconds < FINE:
        points.append("3.4")
    if points and bits & (fx.FILES | fx.PROCESS | fx.HTTP):
        points.append("3.5")
    if not points and seconds >= SELDOM and bits & fx.LIST and _picks_up(loop, bits):
        points.append("3.1")
    return points


def _picks_up(loop: Loop, bits: int) -> bool:
    """Whether what is listed is work: it is read, or moved to where it is worked on; what is removed only was old."""
    return bool(bits & fx.READ) or any(call.method in ("rename", "replace", "move") for call in loop_calls(loop))


_LOOKS = fx.STAT | fx.LIST | fx.HTTP | fx.PROCESS


def _bounded(loop: Loop, call: Call, seconds: float, bits: int) -> list[str]:
    """A wait with a deadline or a count of turns: worth a word in a request handler, or when it is very fine."""
    if call.place & model.IN_EXCEPT or (not loop.deadline and is_retry(loop) and not bits & fx.STAT):
        return []
    handler = bool(loop.function.heat & model.HANDLER)
    if loop.kind == "while" and loop.deadline and seconds <= VERY_FINE:
        return ["3.4", "3.1"]
    if loop.kind == "for" and not (bits & fx.STAT or _asks(loop)):
        return []
    if loop.kind == "while" and not loop.deadline and not _asks(loop) and not bits & (fx.STAT | fx.LIST):
        return []
    if (handler and seconds < OFTEN) or (seconds <= FINE and (bits & (fx.STAT | fx.LIST | fx.READ) or _asks(loop))):
        points = ["3.3"] if bits & (fx.STAT | fx.LIST) else ["3.1"]
        return [*points, "3.4"] if seconds <= FINE else points
    return []


def _asks(loop: Loop) -> bool:
    """Whether each turn asks something whether it is there yet."""
    return any(other.method in POLLS for other in loop_calls(loop))


def _has_inotify(loop: Loop) -> bool:
    return any("inotify" in name.lower() for name in loop.function.module.imports)
