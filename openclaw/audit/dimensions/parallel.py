"""Dimension 9, parallelism: independent waits one after another, work for the processor on one core."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions.commands import INSTEAD, command_of
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module
from openclaw.audit.places import depends, is_counted, is_retry, is_short, loop_calls
from openclaw.audit.syntax import calls, source, text, walk
from openclaw.audit.typer import Typer

_WAITING = fx.HTTP | fx.CONNECT | fx.PROCESS


def local(_module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    """Work for the processor alone: loops within loops of arithmetic, without a call that waits."""
    for loop in function.loops:
        if loop.kind == "for" and loop.parent is None and isinstance(loop.node, ast.For) and _arithmetic(loop.node):
            yield Hint("arithmetic", loop.line, function, loop, {"iterable": source(loop.iterable)})
    _ = typer


def _arithmetic(node: ast.For) -> bool:
    depth = _nesting(node)
    if depth < 2:
        return False
    inner = [found for found in walk(node) if isinstance(found, ast.For) and found is not node]
    operations = sum(isinstance(found, ast.BinOp | ast.AugAssign) for loop in inner[:1] for found in walk(loop))
    other = any(text(call.func).rpartition(".")[2] not in _QUICK for call in calls(node))
    return operations >= 4 - depth and not other


_QUICK = frozenset(
    ["range", "len", "abs", "min", "max", "int", "float", "round", "append", "enumerate", "zip", "ord", "chr", "pow"]
).union(["sqrt", "exp", "log", "sin", "cos", "floor", "ceil", "divmod", "reversed", "sum", "bool", "add", "items"])
"""Calls of nested loops that do nothing but compute."""


def _nesting(node: ast.AST) -> int:
    below = max((_nesting(child) for child in ast.iter_child_nodes(node)), default=0)
    return below + isinstance(node, ast.For)


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        handed: set[Loop] = set()
        for loop in function.loops:
            if loop in handed or loop.parent in handed:
                continue
            for finding in _serial(project, loop):
                handed.add(loop)
                yield finding
        for hint in function.hints:
            if hint.rule == "arithmetic" and function.heat & (model.CONCURRENT | model.HANDLER):
                yield found(function, hint.line, "cpu_threads", "9.2", facts=hint.facts)


def _serial(project: Project, loop: Loop) -> Iterator[Finding]:
    if not _over_items(loop):
        return
    inside = [call for call in loop_calls(loop) if not call.place & model.IN_LAMBDA and not _header_of(call, loop)]
    if any(call.name in fx.PAUSES for call in inside) or any("submit" in call.name for call in inside):
        return
    waits = [call for call in inside if _waits(project, call) and not call.place & model.IN_EXCEPT]
    if waits and loop.parent is not None and loop.parent.endless and _queue(project, loop):
        return  # worked off in its order
    if waits:
        call = waits[0]
        if not depends(call, loop):
            bits = project.effects(call)
            http = bits & fx.HTTP
            if bits & fx.PROCESS and not http and command_of(call, loop.function) in INSTEAD:
                return  # without the command there is nothing to wait for
            rule = "serial_http" if http else "serial_process" if bits & fx.PROCESS else "serial_wait"
            yield found(
                loop.function,
                call.line,
                rule,
                "9.4" if http else "9.1",
                *(["9.1"] if http else []),
                severity=Severity.CRITICAL if http or bits & fx.SLEEP else Severity.IMPORTANT,
                call=source(call.node) or f"{call.method}(…)",
                iterable=source(loop.iterable),
                item=next(iter(sorted(loop.targets)), "item"),
            )
        return
    yield from _files(project, loop, inside)


def _queue(project: Project, loop: Loop) -> bool:
    """Whether a loop goes over what has come in: a listing, or something named like a queue."""
    if re.search(r"pending|queue|inbox|spool|batch|due|listdir|glob|scandir|iterdir|new|ready", source(loop.iterable)):
        return True
    headers = [call for call in loop.function.calls if call.line == loop.line and call.place & model.IN_HEADER]
    return any(project.effects(call) & fx.LIST for call in headers)


def _over_items(loop: Loop) -> bool:
    """Whether a loop goes over things that do not depend on each other: no retries, no counters, no search."""
    if loop.kind == "while" or loop.endless or loop.iterable is None:
        return False
    if is_retry(loop) or is_short(loop) or is_counted(loop):
        return False
    if _STREAM.search(source(loop.iterable)):
        return False
    return loop.leaves == 0


_STREAM = re.compile(r"\b(rfile|stdin|stdout|sock|conn|socket)\b")
"""What is read from one peer is answered in its order."""


def _header_of(call: Call, loop: Loop) -> bool:
    return call.loop is loop and bool(call.place & model.IN_HEADER) and call.line == loop.line and loop.kind == "for"


def _waits(project: Project, call: Call) -> bool:
    if call.method in ("Popen", "Process", "fork", "Thread", "Timer") and call.effects:
        return False
    bits = project.effects(call)
    callee = project.callee(call)
    if callee is not None and not bits & (_WAITING & ~fx.PROCESS) and _only_starts(callee):
        return False
    if bits & _WAITING:
        return True
    if call.name in ("subprocess.Popen.wait", "subprocess.Popen.communicate") and call.loop is not None:
        return any(other.method == "Popen" for other in loop_calls(call.loop))
    return callee is not None and bool(bits & fx.SLEEP) and bool(bits & (fx.STAT | fx.LIST | fx.READ))


def _only_starts(function: Function) -> bool:
    """Whether a function starts a child and lets it run: nobody waits for it there."""
    started = [call for call in function.calls if call.effects & fx.PROCESS]
    waited = any(call.method in ("wait", "communicate", "join", "readline", "read") for call in function.calls)
    return bool(started) and not waited and all(call.method in ("Popen", "Process", "fork") for call in started)


def _files(project: Project, loop: Loop, inside: list[Call]) -> Iterator[Finding]:
    """Files copied, packed or hashed one by one."""
    if loop.parent is not None and loop.parent.endless:
        return
    bits = 0
    first: Call | None = None
    inside = [call for call in inside if not _into_one(call)]
    for call in inside:
        here = project.effects(call)
        bits |= here
        if first is None and here & (fx.READ | fx.CPU | fx.WRITE):
            first = call
    computed = [call for call in inside if _computes(project, call)]
    first = first or next(iter(computed), None)
    if first is None:
        return
    facts = {
        "iterable": source(loop.iterable),
        "call": source(first.node) or f"{first.method}(…)",
        "item": next(iter(sorted(loop.targets)), "item"),
    }
    packs = [call for call in inside if _packs(project, call)]
    if computed:
        yield found(loop.function, computed[0].line, "serial_cpu", "9.2", facts=facts)
    elif packs and (bits & (fx.READ | fx.WRITE) or any(call.name in _HEAVY for call in packs)):
        yield found(loop.function, packs[0].line, "serial_cpu", "9.2", "9.3", facts=facts)
    elif (
        bits & fx.READ
        and bits & fx.WRITE
        and any((call.effects & fx.READ and call.effects & fx.WRITE) or _copies(project, call) for call in inside)
    ):
        yield found(loop.function, first.line, "serial_files", "9.3", facts=facts)


_HEAVY = frozenset(
    ["hashlib.pbkdf2_hmac", "hashlib.scrypt", "zlib.compress", "gzip.compress", "bz2.compress", "lzma.compress"]
)
"""Work of milliseconds on what is in memory."""


def _computes(project: Project, call: Call) -> bool:
    """Whether what is called works the processor in loops of its own."""
    callee = project.callee(call)
    return callee is not None and not callee.cached and any(hint.rule == "arithmetic" for hint in callee.hints)


def _packs(project: Project, call: Call, depth: int = 0) -> bool:
    """Whether a call packs or hashes: by itself, or in a function below it that also opens what it works on."""
    if call.effects & fx.CPU:
        return depth == 0 or call.name in _HEAVY or bool(call.function.own & (fx.READ | fx.WRITE | fx.LIST))
    callee = project.callee(call)
    if callee is None or callee.cached or depth > 3 or not callee.effects & fx.CPU:
        return False
    return any(_packs(project, inner, depth + 1) for inner in callee.calls)


def _into_one(call: Call) -> bool:
    """Whether a call adds to an archive that the loop did not open: its parts can only come one by one."""
    loop = call.loop
    return (
        call.name in ("zipfile.ZipFile.write", "zipfile.ZipFile.writestr", "tarfile.open.add", "hash.update")
        and loop is not None
        and call.receiver not in {name for around in loop.chain() for name in around.assigned}
        and call.function.types.get(call.receiver, "") != ""
    )


def _copies(project: Project, call: Call) -> bool:
    callee = project.callee(call)
    return callee is not None and bool(callee.own & fx.READ) and bool(callee.own & fx.WRITE)
