"""What is synced, flushed or written through for each record. A part of dimension 4."""

from __future__ import annotations

import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Loop
from openclaw.audit.places import (
    endless_loop,
    is_retry,
    items_loop,
    mode_of,
    sleep_of,
)
from openclaw.audit.syntax import argument, constant, source, text

RARE = 10.0
"""Seconds between syncs from which they are checkpoints."""
_COMMIT = re.compile(
    r"commit|checkpoint|snapshot|compact|rotate|flush|close|sync|batch|drain|shutdown|stop|save_all|many"
)
_STDOUT = re.compile(r"stdout|stderr|wfile|rfile|sock|wire|pipe|stdin")


def syncs(project: Project, function: Function) -> Iterator[Finding]:
    told = False
    for call in function.calls:
        if call.effects & (fx.SYNC | fx.FLUSH) and call.node is not None:
            if told and call.loop is None:
                continue
            if _each_time(project, call) and not (call.effects & fx.FLUSH and _followed(call, function)):
                told = True
                severity = (
                    Severity.CRITICAL
                    if call.effects & fx.SYNC and function.heat & model.HANDLER
                    else Severity.IMPORTANT
                )
                rule = "sync_each" if call.effects & fx.SYNC else "flush_each"
                yield found(function, call.line, rule, "4.3", severity=severity, call=source(call.node))
        elif (callee := project.callee(call)) is not None and callee.own & fx.SYNC and not _is_hot(callee):
            loop = items_loop(call)
            if (
                loop is not None
                and not is_retry(loop)
                and callee.module is not function.module
                and not _COMMIT.search(function.name)
            ):
                yield found(function, call.line, "sync_each", "4.3", call=f"{callee.qualname}(…)")


def _is_hot(function: Function) -> bool:
    return bool(function.heat & (model.HANDLER | model.CYCLE))


def _followed(call: Call, function: Function) -> bool:
    """A flush right before a sync belongs to it."""
    return any(
        other.effects & fx.SYNC and 0 <= other.line - call.line <= 2 and other.loop is call.loop
        for other in function.calls
    )


def _each_time(project: Project, call: Call) -> bool:
    function = call.function
    if _STDOUT.search(call.receiver):
        return False
    if items_loop(call) is not None and not is_retry(items_loop(call) or _never()):
        return True
    around = endless_loop(call)
    if around is not None:
        paused = sleep_of(project, around)
        if paused is not None and (paused[1] is None or paused[1] >= RARE):
            return False
        return not _collects(around)
    if _COMMIT.search(function.name) or function.name == "<module>":
        return False
    if function.heat & (model.HANDLER | model.ITEM):
        return True
    if function.heat & model.CYCLE:
        return not any(
            (loop := endless_loop(caller)) is not None and (_collects(loop) or _slow(project, loop))
            for caller in project.callers.get(function, ())
        )
    if function.loops:
        return False
    return _per_record(function)


def _never() -> Loop:
    raise AssertionError("unreachable")


def _slow(project: Project, loop: Loop) -> bool:
    paused = sleep_of(project, loop)
    return paused is not None and (paused[1] is None or paused[1] >= RARE)


def _collects(loop: Loop) -> bool:
    """Whether a turn first gathers, or takes over, what is there, and writes it with one sync: a group commit."""
    function = loop.function
    inner = [other for other in function.loops if other.parent is not None and loop in other.chain()[1:]]
    gathers = any(
        store.how in ("append", "extend") and store.loop in inner and "." not in store.owner
        for store in function.stores
    )
    owner = function.owner
    taken = owner is not None and any(
        (given := text(function.values.get(name))).startswith("self.") and given.split(".")[1] in owner.evicted
        for name in loop.assigned
    )
    drained = taken or any(
        re.search(r"drain|batch|take_all|collect", call.name) for call in function.calls if call.loop is loop
    )
    return gathers or drained


_MANY = re.compile(r"^(batch|records|rows|lines|items|entries|events|messages|chunks|pending)$")


def _per_record(function: Function) -> bool:
    """A function that appends what it is given."""
    params = [param for param in function.params if param not in ("self", "cls")]
    if not params or any(_MANY.match(param) for param in params):
        return False
    return any(
        call.effects & fx.WRITE and call.name in fx.OPENERS and call.node is not None and "a" in mode_of(call)
        for call in function.calls
    ) or bool(
        any(call.effects & (fx.FLUSH | fx.SYNC) and _held(call, function) for call in function.calls)
        and not any(call.name in ("os.replace", "os.rename") for call in function.calls)
    )


def _held(call: Call, function: Function) -> bool:
    """Whether a sync or flush is of a file that is kept open from call to call."""
    assert call.node is not None
    words = call.receiver or (source(call.node.args[0]) if call.node.args else "")
    return words.startswith(("self.", "cls.")) or words.split(".")[0] in function.module.values


def unbuffered(call: Call, function: Function) -> Iterator[Finding]:
    assert call.node is not None
    given = argument(call.node, 2, "buffering")
    if not function.loops and call.use == model.USE_WITH:
        return  # one write
    if constant(given) == 0 and set(mode_of(call)) & set("wa"):
        yield found(function, call.line, "unbuffered", "4.3", call=source(call.node))
