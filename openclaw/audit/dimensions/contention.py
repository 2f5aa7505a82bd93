"""What everybody waits for: I/O under locks, files read and written back, unlocked state. A part of dimension 7."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Lock, Module
from openclaw.audit.places import mode_of, path_of
from openclaw.audit.syntax import names, source, statements, text
from openclaw.audit.values import fixed

_SELDOM = re.compile(r"rotate|roll_?over|reopen|recover")


def shared_counters(module: Module, function: Function) -> Iterator[Hint]:
    """A module's or a class's own state changed by reading and writing it, outside every lock."""
    if function.node is None or function.name == "<module>":
        return
    globals_: set[str] = set()
    for node in statements(function.node.body):
        if isinstance(node, ast.Global):
            globals_.update(node.names)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            owner = text(node.targets[0])
            if owner in globals_ and owner in names(node.value) and not _guarded(node, function):
                yield Hint("unlocked", node.lineno, function, None, {"name": owner, "code": source(node)})
        elif isinstance(node, ast.AugAssign):
            owner = text(node.target.value) if isinstance(node.target, ast.Subscript) else text(node.target)
            head = owner.split(".")[0]
            shared = (
                (isinstance(node.target, ast.Name) and owner in globals_)
                or (
                    isinstance(node.target, ast.Subscript)
                    and owner in module.values
                    and owner not in function.values
                    and module.types.get(owner) in ("dict", "list")
                )
                or ("." in owner and head in module.classes)
            )
            if shared and not _guarded(node, function):
                yield Hint("unlocked", node.lineno, function, None, {"name": owner, "code": source(node)})


def _guarded(node: ast.stmt, function: Function) -> bool:
    return any(lock.line <= node.lineno <= lock.end for lock in function.locks)


def under(project: Project, lock: Lock, function: Function) -> Iterator[Finding]:
    """The dearest thing that is done while a lock is held."""
    worst: Call | None = None
    weight = every = 0
    for call in function.calls:
        if call.lock is not lock or call.place & model.IN_LAMBDA or _SELDOM.search(call.method):
            continue
        bits = project.effects(call)
        if call.place & model.IN_GUARD and not bits & fx.BLOCKING:
            continue  # done once
        every |= bits
        heavy = next((rank for rank, bit in enumerate(_HEAVY, 1) if bits & bit), 0)  # the first of equals is kept
        if heavy and (worst is None or heavy < weight):
            worst, weight = call, heavy
    if worst is None or _small_append(worst, lock, function):
        return
    bits = project.effects(worst)
    written = source(worst.node) if worst.node is not None else f"{worst.method}(…)"
    severity = Severity.CRITICAL if bits & fx.BLOCKING else Severity.IMPORTANT
    if lock.kind == "file":
        if bits & (fx.BLOCKING | fx.READ | fx.WRITE):
            yield found(function, worst.line, "file_lock", "1.5", severity=severity, call=written, lock=lock.name)
    elif every & (fx.BLOCKING | fx.DNS | fx.WRITE | fx.SYNC):
        yield found(function, worst.line, "lock_io", "7.2", "1.5", severity=severity, call=written, lock=lock.name)
    else:
        yield found(function, worst.line, "lock_io", "1.5", "7.2", severity=severity, call=written, lock=lock.name)


_HEAVY = (fx.HTTP | fx.CONNECT | fx.DNS, fx.PROCESS, fx.SLEEP, fx.SYNC | fx.WRITE | fx.READ, fx.LIST)


def _small_append(call: Call, lock: Lock, function: Function) -> bool:
    """A lock for exactly one small append to one file."""
    inside = [other for other in function.calls if other.lock is lock and other.effects & (fx.FILES | fx.BLOCKING)]
    return len(inside) == 1 and call.name in fx.OPENERS and call.node is not None and "a" in mode_of(call)


def rewritten(project: Project, function: Function) -> Iterator[Finding]:
    """A shared file read, changed and written back whole: each agent waits for, or overwrites, the others."""
    if function.name == "<module>":
        return
    readers: dict[str, Call] = {}
    for call in function.calls:
        if _in_place(call, function):
            yield found(function, call.line, "rewritten", "7.5", path=source(path_of(call)))
            return
        path, bits = _touched(project, call)
        if path is None or call.place & model.IN_GUARD:
            continue
        if bits & fx.READ and not bits & fx.WRITE:
            readers.setdefault(path, call)
        elif bits & fx.WRITE and path in readers and (call.loop is None or call.loop is readers[path].loop):
            yield found(function, call.line, "rewritten", "7.5", path=path)
            return


def _in_place(call: Call, function: Function) -> bool:
    """`open(path, "r+")` of a fixed path, read and written through the one handle."""
    if call.name not in fx.OPENERS or call.node is None or "+" not in mode_of(call) or call.loop is not None:
        return False
    path = path_of(call)
    if path is None or not fixed(path, function) or not call.target:
        return False
    done = {other.method for other in function.calls if other.receiver == call.target}
    given = {
        other.method
        for other in function.calls
        if other.name in ("json.load", "json.dump") and other.node is not None
        for arg in other.node.args
        if text(arg) == call.target
    }
    return bool({"read", "load", "readline"} & (done | given)) and bool({"write", "dump"} & (done | given))


def _touched(project: Project, call: Call) -> tuple[str | None, int]:
    """(the fixed path, effects) of a file call, or of a helper that does nothing but read or write one."""
    if call.effects & (fx.READ | fx.WRITE) and call.node is not None and not call.effects & fx.CPU:
        if call.name in fx.OPENERS and set(mode_of(call)) & set("a"):
            return None, 0
        path = path_of(call)
        return (source(path), call.effects) if path is not None and fixed(path, call.function) else (None, 0)
    callee = project.callee(call)
    if callee is None or not callee.own & (fx.READ | fx.WRITE):
        return None, 0
    inner = [found for found in callee.calls if found.effects & (fx.READ | fx.WRITE)]
    if len(inner) != 1 or inner[0].node is None:
        return None, 0
    path = path_of(inner[0])
    for moved in callee.calls:
        if moved.name in ("os.replace", "os.rename") and moved.node is not None and len(moved.node.args) > 1:
            path = moved.node.args[1]  # written beside it, and put in its place
    if path is None or not fixed(path, callee) or (inner[0].name in fx.OPENERS and "a" in mode_of(inner[0])):
        return None, 0
    return source(path), inner[0].effects
