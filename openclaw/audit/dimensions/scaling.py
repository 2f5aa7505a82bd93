"""Dimension 7, what does not scale: one-thread servers, I/O under locks, scans, quadratic loops, contended files."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions import contention, growth, quadratic, scans
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module
from openclaw.audit.once import is_once
from openclaw.audit.places import SINGLE_SERVERS, endless_loop, is_counted, is_retry, items_loop
from openclaw.audit.syntax import argument, calls, changed, constant, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import number

_CONNECTIONS = frozenset(
    [
        "requests.Session",
        "http.client.HTTPConnection",
        "http.client.HTTPSConnection",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "socket.create_connection",
    ]
)


def local(module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    for loop in function.loops:
        yield from scans.scan(loop, typer, function)
        nested = list(quadratic.nested(loop, function)) or list(quadratic.joined(loop, function))
        yield from nested
        yield from scans.filtered(loop, typer, function)
        yield from quadratic.selected(loop, function)
        yield from quadratic.cut_off(loop, function)
    for store in function.stores:
        if store.how == "in" and store.loop is not None:
            yield from quadratic.membership(store, typer, function)
        elif store.how == "in" and (store.owner or isinstance(store.value, ast.ListComp)):
            yield from scans.searched(store, typer, function)
    yield from quadratic.quadratic(typer, function)
    yield from quadratic.resorted(typer, function)
    if function.owner is not None or module.types:
        yield from contention.shared_counters(module, function)


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "given_membership":
                yield from _given_list(project, hint, function)
            else:
                yield from _told(hint, function)
        for lock in function.locks:
            yield from contention.under(project, lock, function)
        yield from contention.rewritten(project, function)
        for call in function.calls:
            yield from _scans_per_item(project, call, function)
            if call.node is not None:
                yield from _servers(project, call, function)
                yield from _opened_each_time(project, call, function)
                yield from _threads(call, function)
                yield from _closing(call, function)


def _scans_per_item(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    """Something that scans, called for each item."""
    loop = items_loop(call)
    callee = project.callee(call)
    if loop is None or callee is None or is_retry(loop) or call.node is None:
        return
    if any(_goes_through_same(hint, call, loop) for hint in callee.hints) or any(
        hint.rule in ("linear_scan", "file_scan", "parsed_scan", "filtered_scan") for hint in callee.hints
    ):
        yield found(
            function,
            call.line,
            "scan_per_item",
            "7.4",
            severity=Severity.CRITICAL,
            call=source(call.node),
            name=callee.qualname,
        )


def _goes_through_same(hint: Hint, call: Call, loop: Loop) -> bool:
    """Whether what is called filters a collection that it is given, and is given the same one in each turn."""
    if hint.rule != "filtered_given" or call.node is None:
        return False
    params = [param for param in hint.function.params if param not in ("self", "cls")]
    at = params.index(hint.facts["name"]) if hint.facts["name"] in params else None
    given = argument(call.node, at, hint.facts["name"])
    name = text(given)
    carried = {found for around in loop.chain() for found in (*around.targets, *around.assigned)}
    return bool(name) and name.split(".")[0] not in carried


def _given_list(project: Project, hint: Hint, function: Function) -> Iterator[Finding]:
    """`x in given`, in a loop, where the parameter is a list: as its annotation says, or all its callers' arguments."""
    name = hint.facts["name"]
    params = [param for param in function.params if param not in ("self", "cls")]
    callers = [caller for caller in project.callers.get(function, ()) if caller.node is not None]
    if not hint.facts["kind"]:
        kinds = {_kind_given(caller, params.index(name), name) for caller in callers}
        if kinds != {"list"}:
            return
    yield found(function, hint.line, "list_membership", "7.4", "7.3", facts={"name": name})


def _kind_given(call: Call, at: int, name: str) -> str:
    assert call.node is not None
    given = argument(call.node, at, name)
    typer = Typer(call.function.module)
    literal = isinstance(given, ast.List) or (
        isinstance(given, ast.Name) and isinstance(call.function.module.values.get(given.id), ast.List)
    )
    return "written out" if literal else typer.of(given, call.function)


_HINTS = {
    "file_scan": ("7.3",),
    "sum_of_lists": ("7.4", "6.4"),
    "linear_scan": ("7.3",),
    "list_search": ("7.3", "7.4"),
    "sorted_each": ("7.4",),
    "nested_loops": ("7.4",),
    "list_membership": ("7.4",),
    "sorted_in_loop": ("7.4",),
    "list_shift": ("7.4",),
}


def _told(hint: Hint, function: Function) -> Iterator[Finding]:
    if hint.rule == "list_search" and (is_once(function) or growth.registers(function) or not function.heat):
        return
    if hint.rule in _HINTS:
        yield found(function, hint.line, hint.rule, *_HINTS[hint.rule], facts=hint.facts)
    elif hint.rule == "unlocked" and function.heat & (model.CONCURRENT | model.HANDLER):
        yield found(function, hint.line, "unlocked", "7.2", facts=hint.facts)


def _servers(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    single = call.name in SINGLE_SERVERS
    cls = project.find_class(function.module, call.name) if not single and call.method[:1].isupper() else None
    if cls is not None:
        bases = set(project.bases(cls))
        threaded = any(
            "ThreadingMixIn" in base or base.endswith(("ThreadingHTTPServer", "ForkingMixIn", "ThreadingTCPServer"))
            for base in bases
        )
        single = bool(bases & SINGLE_SERVERS) and not threaded and "process_request" not in cls.methods
    if single and call.use != model.USE_OTHER:
        yield found(
            function,
            call.line,
            "single_server",
            "7.1",
            "9.5",
            severity=Severity.CRITICAL,
            call=source(call.node),
            fixed=_threading(call),
        )


def _threading(call: Call) -> str:
    """The server as one of the library's that has a thread for each connection."""
    assert call.node is not None
    known = {"HTTPServer": "ThreadingHTTPServer", "TCPServer": "ThreadingTCPServer", "UDPServer": "ThreadingUDPServer"}
    return changed(call.node, known.get(call.method, "ThreadingHTTPServer"))


def _opened_each_time(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    if call.name not in _CONNECTIONS or call.use == model.USE_CHAINED:
        return
    loop = items_loop(call)
    looped = loop is not None and not is_retry(loop)
    kept = (
        call.use == model.USE_RETURNED
        or "." in call.target
        or call.target in function.module.values
        or function.name in ("__init__", "<module>")
    )
    if kept and not looped:
        return
    if call.name == "requests.Session" and not kept:
        hot = function.heat & (model.REPEATED | model.ENTRY) or looped or _method_like(function)
        if hot and function.name not in ("main", "__init__"):
            yield found(function, call.line, "session_each", "7.6", "8.3", call=source(call.node))
    elif (
        looped
        or (function.heat & model.HANDLER and not (function.name == "handle" and call.use == model.USE_WITH))
        or any(caller.loop is not None for caller in project.callers.get(function, ()))
        or (call.name.startswith("http.client") and (function.heat & model.ITEM or _left_open(call, function)))
    ) and call.name.startswith(("http.client", "socket.")):
        yield found(function, call.line, "session_each", "7.6", "8.3", call=source(call.node))


def _left_open(call: Call, function: Function) -> bool:
    """A connection that a client's method makes for each call and leaves to the collector."""
    closed = any(other.method == "close" and other.receiver == call.target for other in function.calls)
    return _method_like(function) and not closed and call.use == model.USE_ASSIGNED


def _method_like(function: Function) -> bool:
    return function.owner is not None and len(function.params) > 1


def _threads(call: Call, function: Function) -> Iterator[Finding]:
    """A thread, or a pool, for each item or request."""
    assert call.node is not None
    loop = items_loop(call)
    if call.name in ("threading.Thread", "threading.Timer"):
        counted = loop is not None and is_counted(loop) and _small_count(loop, function)
        around = endless_loop(call)
        if (is_once(function) and around is None) or call.place & model.IN_GUARD:
            return
        if (
            (loop is not None and not counted and not is_retry(loop))
            or (loop is None and around is not None and around.kind == "while" and not call.place & model.IN_EXCEPT)
            or (loop is None and function.heat & model.HANDLER and not _joined(call, function))
        ):
            yield found(function, call.line, "thread_each", "7.6", severity=Severity.CRITICAL, call=source(call.node))
    elif call.name == "concurrent.futures.ThreadPoolExecutor":
        workers = argument(call.node, 0, "max_workers")
        many = isinstance(workers, ast.Call) and text(workers.func) == "len"
        if many or ((value := number(workers, function)) is not None and value > 200):
            yield found(function, call.line, "thread_each", "7.6", call=source(call.node))
        elif (
            (loop is not None and not is_counted(loop))
            or endless_loop(call) is not None
            or function.heat & model.HANDLER
        ):
            yield found(function, call.line, "pool_each", "7.6", "9.1", call=source(call.node))


def _joined(call: Call, function: Function) -> bool:
    """Whether the function itself waits for the thread, so that there is one for each request at most."""
    return any(
        other.method == "join"
        and other.receiver == call.target != ""
        and other.node is not None
        for other in function.calls
    )


def _closing(call: Call, function: Function) -> Iterator[Finding]:
    """A header that ends the connection after each request."""
    assert call.node is not None
    if call.method == "send_header" and [str(constant(arg)).lower() for arg in call.node.args] == [
        "connection",
        "close",
    ]:
        yield found(function, call.line, "connection_close", "7.6", call=source(call.node))
    elif call.effects & fx.HTTP:
        headers = argument(call.node, None, "headers")
        if isinstance(headers, ast.Dict) and any(
            str(constant(key)).lower() == "connection" and str(constant(value)).lower() == "close"
            for key, value in zip(headers.keys, headers.values, strict=True)
        ):
            yield found(function, call.line, "connection_close", "7.6", call=source(call.node))


def _small_count(loop: Loop, function: Function) -> bool:
    node = loop.iterable
    assert isinstance(node, ast.Call)
    given = node.args[-1] if node.args else None
    if given is not None and any(text(call.func) == "len" for call in calls(given)):
        return False
    value = number(given, function)
    return value is None or value <= 64
