"""Where a call stands and what it is about: questions that several dimensions ask."""

from __future__ import annotations

import ast
import re

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Loop
from openclaw.audit.syntax import argument, constant, names, source, text
from openclaw.audit.values import number, written

SINGLE_SERVERS = frozenset(
    [
        "http.server.HTTPServer",
        "socketserver.TCPServer",
        "socketserver.UDPServer",
        "wsgiref.simple_server.make_server",
        "wsgiref.simple_server.WSGIServer",
        "xmlrpc.server.SimpleXMLRPCServer",
        "socketserver.UnixStreamServer",
    ]
)
_RETRY = re.compile(r"attempt|retry|retries|tries|^try|^_$")


def path_of(call: Call) -> ast.expr | None:
    """The path that a file call is about, as an expression."""
    node = call.node
    if node is None:
        return None
    if call.name.startswith("pathlib.Path."):
        return node.func.value if isinstance(node.func, ast.Attribute) else None
    return node.args[0] if node.args else argument(node, None, "file")


def mode_of(call: Call) -> str:
    """The mode of an `open`, `r` where none is written."""
    assert call.node is not None
    given = constant(argument(call.node, 0 if call.name == "pathlib.Path.open" else 1, "mode"))
    return given if isinstance(given, str) else "r"


def path_text(call: Call) -> str:
    """The path's source with what its names stand for, to look for words in."""
    return written(path_of(call), call.function)


def items_loop(call: Call) -> Loop | None:
    """The innermost loop over items that the call stands in: one that ends by itself, of more than a few turns."""
    loop = call.loop
    if loop is not None and call.place & model.LEAVING:
        loop = loop.parent
    while loop is not None:
        if not loop.endless and not loop.deadline and not is_short(loop):
            return loop
        loop = loop.parent
    return None


def endless_loop(call: Call) -> Loop | None:
    """The loop without end, or with only a deadline, that the call stands in."""
    loop = call.loop
    while loop is not None:
        if loop.endless or loop.deadline:
            return loop
        loop = loop.parent
    return None


def is_short(loop: Loop) -> bool:
    """Whether a loop has three turns at most, as its iterable is written."""
    node = loop.iterable
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        limit = constant(node.slice.upper)
        return isinstance(limit, int) and 0 < limit <= 16
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return len(node.elts) <= 3
    if isinstance(node, ast.Call) and text(node.func) == "range" and node.args:
        limit = constant(node.args[-1])
        return isinstance(limit, int) and limit <= 3
    return False


def is_retry(loop: Loop) -> bool:
    """Whether a loop does one thing again until it works: `for attempt in range(…)`, left when it has."""
    if loop.kind == "while":
        return bool(_RETRY.search(source(loop.test)))
    node = loop.iterable
    counted = isinstance(node, ast.Call) and text(node.func) in ("range", "itertools.count", "count", "backoff")
    return (counted and loop.leaves > 0) or any(
        _RETRY.search(name) for name in loop.targets if name != "_" or len(loop.targets) == 1
    )


def is_counted(loop: Loop) -> bool:
    """Whether a loop runs over mere numbers: `range(…)`."""
    node = loop.iterable
    return isinstance(node, ast.Call) and text(node.func) == "range"


def depends(call: Call, loop: Loop) -> bool:
    """Whether a call needs what an earlier turn found out: a name in it is set in the loop, after it or by it."""
    if call.node is None:
        return False
    return any(
        loop.assigned.get(name, 0) >= call.line and name not in loop.targets and name != call.target
        for name in names(call.node)
    ) or (call.target != "" and call.target in names(call.node))


def single_threaded(function: Function) -> bool:
    """Whether the function's own module serves on one thread."""
    return any(call.name in SINGLE_SERVERS for other in function.module.functions for call in other.calls)


def is_hot(function: Function) -> bool:
    return bool(function.heat & model.REPEATED)


def sleep_of(project: Project, loop: Loop) -> tuple[Call, float | None] | None:
    """The pause in a loop's own turns and its seconds; None where it takes none. Waits with a time limit count."""
    for call in loop.function.calls:
        if call.loop is None or not loop.line <= call.line <= loop.end or loop not in call.loop.chain():
            continue
        if call.node is None or call.place & model.IN_LAMBDA:
            continue
        if call.name in fx.PAUSES and call.node.args:
            return call, number(call.node.args[0], call.function)
        if call.method == "wait" and (call.node.args or call.node.keywords) and "Popen" not in call.name:
            return call, number(argument(call.node, 0, "timeout"), call.function)
    return None


LONG = 10.0
"""Seconds of pause from which what a loop does in a turn is rare."""


def pauses_long(project: Project, loop: Loop) -> bool:
    """Whether a loop rests ten seconds or more in each turn, or as long as somebody says."""
    paused = sleep_of(project, loop)
    return paused is not None and (paused[1] is None or paused[1] >= LONG)


def called_rarely(project: Project, function: Function) -> bool:
    """Whether all the endless loops that lead to a function pause for long."""
    seen: set[Function] = set()
    waiting, around = [function], []
    while waiting and len(seen) < _CALLERS:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        for caller in project.callers.get(here, ()):
            loop = endless_loop(caller)
            if loop is not None:
                around.append(loop)
            else:
                waiting.append(caller.function)
    return bool(around) and all(pauses_long(project, loop) for loop in around)


_CALLERS = 30
"""How many functions are looked at on the way up."""


def loop_calls(loop: Loop) -> list[Call]:
    """The calls within a loop, its header's included, inner loops' too."""
    return [
        call
        for call in loop.function.calls
        if call.loop is not None and loop.line <= call.line <= loop.end and loop in call.loop.chain()
    ]
