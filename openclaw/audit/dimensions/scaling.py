"""Dimension 7, what does not scale: one-thread servers, I/O under locks, scans, quadratic loops, contended files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project, is_once
from openclaw.audit.model import Call, Function, Hint, Lock, Loop, Module, Store
from openclaw.audit.places import SINGLE_SERVERS, endless_loop, is_counted, is_retry, items_loop, mode_of, path_of
from openclaw.audit.syntax import argument, calls, constant, names, source, statements, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import fixed, number

_SELDOM = re.compile(r"rotate|roll_?over|reopen|recover")
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
        yield from _scan(loop, typer, function)
        yield from _nested(loop, function)
    for store in function.stores:
        if store.how == "in" and store.loop is not None:
            yield from _membership(store, typer, function)
    yield from _quadratic(typer, function)
    if function.owner is not None or module.types:
        yield from _shared_counters(module, function)


def _scan(loop: Loop, typer: Typer, function: Function) -> Iterator[Hint]:
    """A long-lived list gone through for the one item with a key."""
    iterable = loop.iterable
    owner = _base(iterable) if iterable is not None else ""
    if _file_scan(loop, typer, function):
        yield Hint("file_scan", loop.line, function, loop, {"name": source(iterable)})
        return
    if not owner or not _is_list(owner, typer, function):
        return
    node = loop.node
    if isinstance(node, ast.For):
        if (
            len(node.body) == 1
            and isinstance(node.body[0], ast.If)
            and _finds(node.body[0])
            and _by_key(node.body[0].test, loop)
        ):
            yield Hint("linear_scan", loop.line, function, loop, {"name": owner, "test": source(node.body[0].test)})
    elif isinstance(node, ast.GeneratorExp | ast.ListComp) and len(node.generators) == 1:
        tests = node.generators[0].ifs
        if len(tests) == 1 and _by_key(tests[0], loop):
            yield Hint("linear_scan", loop.line, function, loop, {"name": owner, "test": source(tests[0])})
        elif isinstance(node, ast.GeneratorExp) and isinstance(node.elt, ast.Compare) and _by_key(node.elt, loop):
            yield Hint("linear_scan", loop.line, function, loop, {"name": owner, "test": source(node.elt)})


def _file_scan(loop: Loop, typer: Typer, function: Function) -> bool:
    """A file gone through from its start for the lines of one key that the caller asks for."""
    node = loop.node
    if not isinstance(node, ast.For) or loop.iterable is None or function.yields:
        return False
    lines = loop.iterable
    if isinstance(lines, ast.Call) and isinstance(lines.func, ast.Attribute) and lines.func.attr in _LINES:
        lines = lines.func.value
        if isinstance(lines, ast.Call):
            return (
                lines.func is not None
                and text(lines.func).endswith(("read_text", "open", "read"))
                and _asked(node, function)
            )
    if typer.of(lines, function) not in ("file", "binary", "csv.reader"):
        return False
    return _asked(node, function)


_LINES = frozenset({"readlines", "splitlines"})


def _asked(node: ast.For, function: Function) -> bool:
    """Whether the loop compares what it reads with a parameter of its function."""
    params = set(function.params) - {"self", "cls"}
    return any(
        isinstance(found, ast.Compare)
        and isinstance(found.ops[0], ast.Eq | ast.In | ast.NotEq)
        and any(isinstance(side, ast.Name) and side.id in params for side in [found.left, *found.comparators])
        for statement in node.body
        for found in ast.walk(statement)
    ) or any(
        text(call.func).endswith(".startswith")
        and any(isinstance(arg, ast.Name) and arg.id in params for arg in call.args)
        for statement in node.body
        for call in calls(statement)
    )


def _is_list(owner: str, typer: Typer, function: Function) -> bool:
    """Whether a name holds a list that outlives the function."""
    head = owner.split(".", maxsplit=1)[0]
    if "." not in owner and (head in function.types or head in function.values or head in function.params):
        return False
    node: ast.expr = ast.Name(head)
    for part in owner.split(".")[1:]:
        node = ast.Attribute(node, part)
    return (
        typer.of(node, function) in ("list", "deque")
        and (head in ("self", "cls") or head in function.module.types or head in function.module.classes)
        and owner not in ("self.headers",)
    )


def _finds(node: ast.If) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Return | ast.Break) and not node.orelse


def _by_key(test: ast.expr, loop: Loop) -> bool:
    """`item.key == something`, `item["key"] == something`: an equality that an index would answer."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_by_key(value, loop) for value in test.values)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [test.left, test.comparators[0]]
    keyed = [side for side in sides if names(side) & loop.targets]
    other = [side for side in sides if not names(side) & loop.targets]
    return len(keyed) == 1 and len(other) == 1 and not isinstance(other[0], ast.Constant)


def _nested(loop: Loop, function: Function) -> Iterator[Hint]:
    """Two loops over the same thing, one in the other."""
    if loop.parent is None or loop.iterable is None or function.name == "<module>":
        return
    inner = _base(loop.iterable)
    for outer in loop.chain()[1:]:
        if (
            outer.iterable is not None
            and inner
            and _base(outer.iterable) == inner
            and inner.split(".")[0] not in outer.targets
        ):
            yield Hint("nested_loops", loop.line, function, loop, {"name": inner})
            return


def _base(node: ast.expr) -> str:
    """`items` of `items`, `items[i + 1:]`, `enumerate(items)`, `range(len(items))`, `items.values()`."""
    while True:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            node = node.value
        elif isinstance(node, ast.Call) and text(node.func) in _SAME_ITEMS and node.args:
            node = node.args[-1]
        elif isinstance(node, ast.Call) and text(node.func) == "range" and node.args:
            if "len(" not in source(node.args[-1]):
                return ""
            node = next((call for call in calls(node.args[-1]) if text(call.func) == "len"), node.args[-1])
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("values", "items", "keys")
        ):
            node = node.func.value
        else:
            return text(node)


_SAME_ITEMS = frozenset({"enumerate", "reversed", "list", "sorted", "len"})


def _membership(store: Store, typer: Typer, function: Function) -> Iterator[Hint]:
    """`x in list` within a loop that makes the list longer, or over a list that the loop does not change."""
    assert store.loop is not None
    owner = store.owner
    if isinstance(store.value, ast.ListComp):
        if store.loop.kind != "comp" or store.loop.iterable is not store.value:
            yield Hint("list_membership", store.line, function, store.loop, {"name": source(store.value)})
        return
    node: ast.expr = ast.Name(owner.split(".")[0])
    for part in owner.split(".")[1:]:
        node = ast.Attribute(node, part)
    if typer.of(node, function) not in ("list", "deque"):
        return
    grows = any(
        other.owner == owner and other.how in ("append", "extend", "insert", "+=") and other.loop is not None
        for other in function.stores
    )
    literal = function.values.get(owner) or function.module.values.get(owner)
    if isinstance(literal, ast.List) and not grows and len(literal.elts) > 0:
        return
    if not grows and (owner in function.params or owner in store.loop.assigned):
        return  # short, or its caller's
    yield Hint("list_membership", store.line, function, store.loop, {"name": owner})


def _quadratic(typer: Typer, function: Function) -> Iterator[Hint]:
    """Calls that cost as much as the list is long, in a loop."""
    for call in function.calls:
        if (
            call.name == "builtins.sum"
            and call.node is not None
            and len(call.node.args) == 2
            and isinstance(call.node.args[1], ast.List)
        ):
            yield Hint("sum_of_lists", call.line, function, call.loop, {"call": source(call.node)})
        if call.loop is None or call.node is None:
            continue
        if call.name in ("builtins.sorted", "list.sort"):
            owner = call.receiver if call.name == "list.sort" else text(call.node.args[0]) if call.node.args else ""
            if owner and any(
                store.owner == owner
                and store.loop is not None
                and store.how in ("append", "insert", "extend", "+=")
                and call.loop in store.loop.chain()
                for store in function.stores
            ):
                yield Hint("sorted_in_loop", call.line, function, call.loop, {"name": owner})
        elif call.name in ("list.index", "list.remove", "list.count", "list.insert", "list.pop"):
            first = constant(call.node.args[0]) if call.node.args else None
            if (call.method in ("insert", "pop") and first != 0) or (
                call.method == "index" and len(call.node.args) > 1
            ):
                continue
            if call.method in ("remove", "pop", "index") and any(loop.leaves for loop in call.loop.chain()[:1]):
                continue  # once, and out
            yield Hint("list_shift", call.line, function, call.loop, {"name": call.receiver, "call": source(call.node)})
    _ = typer


def _shared_counters(module: Module, function: Function) -> Iterator[Hint]:
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


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            yield from _told(hint, function)
        for lock in function.locks:
            yield from _under(project, lock, function)
        yield from _rewritten(project, function)
        for call in function.calls:
            yield from _scans_per_item(project, call, function)
            if call.node is not None:
                yield from _servers(project, call, function)
                yield from _opened_each_time(call, function)
                yield from _threads(call, function)
                yield from _closing(call, function)


def _scans_per_item(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    """Something that scans, called for each item."""
    loop = items_loop(call)
    callee = project.callee(call)
    if loop is None or callee is None or is_retry(loop) or call.node is None:
        return
    if any(hint.rule in ("linear_scan", "file_scan") for hint in callee.hints):
        yield found(
            function,
            call.line,
            "scan_per_item",
            "7.4",
            severity=Severity.CRITICAL,
            call=source(call.node),
            name=callee.qualname,
        )


_HINTS = {
    "file_scan": ("7.3",),
    "sum_of_lists": ("7.4", "6.4"),
    "linear_scan": ("7.3",),
    "nested_loops": ("7.4",),
    "list_membership": ("7.4",),
    "sorted_in_loop": ("7.4",),
    "list_shift": ("7.4",),
}


def _told(hint: Hint, function: Function) -> Iterator[Finding]:
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
            function, call.line, "single_server", "7.1", "9.5", severity=Severity.CRITICAL, call=source(call.node)
        )


def _under(project: Project, lock: Lock, function: Function) -> Iterator[Finding]:
    """The dearest thing that is done while a lock is held."""
    worst: Call | None = None
    weight = 0
    for call in function.calls:
        if call.lock is not lock or call.place & model.IN_LAMBDA or _SELDOM.search(call.method):
            continue
        bits = project.effects(call)
        if call.place & model.IN_GUARD and not bits & fx.BLOCKING:
            continue  # done once
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
    elif bits & (fx.BLOCKING | fx.WRITE | fx.SYNC):
        yield found(function, worst.line, "lock_io", "7.2", "1.5", severity=severity, call=written, lock=lock.name)
    else:
        yield found(function, worst.line, "lock_io", "1.5", "7.2", severity=severity, call=written, lock=lock.name)


_HEAVY = (fx.HTTP | fx.CONNECT, fx.PROCESS, fx.SLEEP, fx.SYNC | fx.WRITE | fx.READ, fx.LIST)


def _small_append(call: Call, lock: Lock, function: Function) -> bool:
    """A lock for exactly one small append to one file."""
    inside = [other for other in function.calls if other.lock is lock and other.effects & (fx.FILES | fx.BLOCKING)]
    return len(inside) == 1 and call.name in fx.OPENERS and call.node is not None and "a" in mode_of(call)


def _rewritten(project: Project, function: Function) -> Iterator[Finding]:
    """A shared file read, changed and written back whole: each agent waits for, or overwrites, the others."""
    if function.name == "<module>":
        return
    readers: dict[str, Call] = {}
    for call in function.calls:
        path, bits = _touched(project, call)
        if path is None or call.place & model.IN_GUARD:
            continue
        if bits & fx.READ and not bits & fx.WRITE:
            readers.setdefault(path, call)
        elif bits & fx.WRITE and path in readers:
            yield found(function, call.line, "rewritten", "7.5", path=path)
            return


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


def _opened_each_time(call: Call, function: Function) -> Iterator[Finding]:
    if call.name not in _CONNECTIONS:
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
    elif (looped or function.heat & (model.HANDLER | model.ITEM)) and call.name.startswith(("http.client", "socket.")):
        yield found(function, call.line, "session_each", "7.6", "8.3", call=source(call.node))


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
            or (loop is None and function.heat & model.HANDLER)
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
