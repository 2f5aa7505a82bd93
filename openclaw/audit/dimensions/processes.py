"""Dimension 5, expensive subprocesses: how many, for what, through a shell, without limits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions.commands import INSTEAD, command_of, wrapped
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Module
from openclaw.audit.places import called_rarely, endless_loop, is_counted, is_retry, items_loop, pauses_long
from openclaw.audit.syntax import argument, changed, constant, has_star, is_true, source, text
from openclaw.audit.typer import Typer

_WAITS = frozenset(["subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"])
_POOLS = frozenset({"multiprocessing.Pool", "concurrent.futures.ProcessPoolExecutor"})
_SHELLS = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})

_KILLS = frozenset({"kill", "killpg"})
"""What a child cannot ignore; a `terminate` it can, and then a wait without a limit has no end."""


def local(_module: Module, _typer: Typer, _function: Function) -> Iterator[Hint]:
    return iter(())


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for call in function.calls:
            if call.effects & fx.PROCESS and call.node is not None:
                yield from _started(project, call, function)
            elif call.name in _POOLS and call.node is not None:
                yield from _pooled(call, function)
            elif call.node is not None and call.method in ("wait", "communicate"):
                yield from _waited(call, function)
            elif (callee := project.callee(call)) is not None and project.effects(call) & fx.PROCESS:
                yield from _through(call, callee, function)
                yield from wrapped(call, callee, function)
                yield from _many(project, call, callee, function)


def _started(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    node = call.node
    assert node is not None
    points: list[str] = []
    command = command_of(call, function)
    shell = call.name in _SHELLS or is_true(argument(node, None, "shell"))
    loop = items_loop(call)
    hot = function.heat & (model.HANDLER | model.ITEM | model.CYCLE)
    unlimited = (call.name in _WAITS or call.name in _SHELLS) and not _limited(node)
    if unlimited:
        points.append("5.4")
    if shell:
        points.append("5.5")
    if command in INSTEAD:
        points.append("5.3")
    around = endless_loop(call)
    if loop is not None and not (is_counted(loop) and call.method in ("Popen", "Process")) and not is_retry(loop):
        points.append("5.2")
    elif around is not None and call.method != "fork":
        points += [] if pauses_long(project, around) or around.deadline else ["5.2"]
    elif hot & (model.HANDLER | model.CYCLE) and not (hot == model.CYCLE and called_rarely(project, function)):
        points.append("5.1")
    if (_interpreter(node) or call.name == "multiprocessing.Process") and (points and points[-1] in ("5.1", "5.2")):
        points.append("5.6")
    if not points:
        return
    rule = _rule(points, command)
    severity = Severity.CRITICAL if (unlimited and (loop is not None or hot)) or "5.2" in points else Severity.IMPORTANT
    yield found(
        function,
        call.line,
        rule,
        *points,
        severity=severity,
        call=source(node),
        fixed=changed(node, timeout="30"),
        command=command,
        instead=INSTEAD.get(command, ""),
    )


def _pooled(call: Call, function: Function) -> Iterator[Finding]:
    """A pool of processes made and ended for each item or request."""
    loop = items_loop(call)
    assert call.node is not None
    if (loop is not None and not is_retry(loop)) or function.heat & model.HANDLER:
        yield found(function, call.line, "process_pool", "5.6", "5.2", call=source(call.node))


def _rule(points: list[str], command: str) -> str:
    if command in INSTEAD and "5.3" in points:
        return "process_stdlib"
    for point, rule in (
        ("5.5", "process_shell"),
        ("5.6", "process_pool"),
        ("5.2", "process_loop"),
        ("5.4", "process_limit"),
    ):
        if point in points:
            return rule
    return "process_hot"


def _limited(node: ast.Call) -> bool:
    given = argument(node, None, "timeout")
    return has_star(node) or (given is not None and not (isinstance(given, ast.Constant) and given.value is None))


def _interpreter(node: ast.Call) -> bool:
    first = node.args[0] if node.args else None
    return (
        isinstance(first, ast.List)
        and bool(first.elts)
        and (text(first.elts[0]) == "sys.executable" or str(constant(first.elts[0])).startswith("python"))
    )


def _waited(call: Call, function: Function) -> Iterator[Finding]:
    """`proc.wait()` and `proc.communicate()` without a limit."""
    node = call.node
    assert node is not None
    if not call.name.startswith("subprocess.Popen.") and not (
        call.name.startswith("?.") and call.method == "communicate"
    ):
        return
    if _limited(node) or (node.args and call.method == "wait"):
        return
    killed = any(
        other.method in _KILLS and other.receiver == call.receiver and other.line < call.line
        for other in function.calls
    ) or call.place & (model.IN_EXCEPT | model.IN_FINALLY)
    if killed or _reaper(call, function):
        return
    yield found(function, call.line, "process_limit", "5.4", call=source(node), fixed=changed(node, timeout="30"))


def _reaper(call: Call, function: Function) -> bool:
    """A thread whose work it is to wait for one child that somebody else has started."""
    if call.method != "wait" or any(other.method == "Popen" for other in function.calls):
        return False
    alone = not function.heat & model.REPEATED and call.loop is None
    return bool(function.heat & model.CONCURRENT) and (alone or bool(re.search(r"reap|watch|wait", function.name)))


def _many(project: Project, call: Call, callee: Function, function: Function) -> Iterator[Finding]:
    """A request that starts several processes by what it calls."""
    if not _is_seed(function) or call.place & model.IN_GUARD:
        return
    count = _starts(project, callee, set())
    if count > 1:
        yield found(
            function,
            call.line,
            "process_hot",
            "5.1",
            severity=Severity.CRITICAL,
            call=source(call.node) or f"{callee.qualname}(…)",
            count=str(count),
        )


def _is_seed(function: Function) -> bool:
    return bool(function.heat & model.HANDLER) and (function.name.startswith("do_") or function.name == "handle")


def _starts(project: Project, function: Function, seen: set[Function]) -> int:
    """How many processes one run starts, loops counted once."""
    if function in seen or function.cached:
        return 0
    seen = {*seen, function}
    total = 0
    for call in function.calls:
        if call.place & model.IN_GUARD:
            continue
        callee = project.callee(call)
        if call.effects & fx.PROCESS:
            total += 1
        elif callee is not None and callee.effects & fx.PROCESS:
            total += _starts(project, callee, seen)
    return total


def _through(call: Call, callee: Function, function: Function) -> Iterator[Finding]:
    """A process for each item, started by what the loop calls."""
    loop = items_loop(call)
    if loop is None or is_retry(loop) or call.place & model.IN_LAMBDA:
        return
    if callee.effects & (fx.HTTP | fx.CONNECT):
        return  # one way of several to send something: dimension 9 tells of it
    if loop.within_endless():
        return  # a queue that is worked off: the cost is told where the process is started
    starter = next((inner for inner in callee.calls if inner.effects & fx.PROCESS), None)
    if starter is not None and starter.method in ("Popen", "Process", "fork") and is_counted(loop):
        return
    yield found(
        function,
        call.line,
        "process_loop",
        "5.2",
        severity=Severity.CRITICAL,
        call=source(call.node) or f"{callee.qualname}(…)",
        command=callee.qualname,
    )
