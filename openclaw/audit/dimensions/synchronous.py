"""Dimension 2, unnecessary synchronous operations: what could be batched, share a connection, or not be waited for."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module
from openclaw.audit.places import is_retry, items_loop, mode_of, path_of
from openclaw.audit.syntax import calls, changed, names, root, source, statements, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import fixed

MODULE_VERBS = frozenset({f"requests.{verb}" for verb in fx.VERBS} | {"urllib.request.urlopen"})
_DUMPS = frozenset({"json.dumps", "pickle.dumps", "marshal.dumps"})
_LOADS = frozenset({"json.loads", "pickle.loads", "marshal.loads"})
_BODIES = ("body", "orelse", "finalbody")


def local(_module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    assert function.node is not None
    if any(call.method in ("join", "result") for call in function.calls):
        yield from _adjacent(function, function.node.body)
        for node in statements(function.node.body):
            for name in _BODIES:
                yield from _adjacent(function, getattr(node, name, ()))
    dumped = [call for call in function.calls if call.name in _DUMPS and call.node is not None]
    if dumped:
        yield from _round_trips(function, typer, dumped)


def _adjacent(function: Function, body: Sequence[ast.stmt]) -> Iterator[Hint]:
    """`t.start()` with `t.join()` as the next statement; `f = pool.submit(…)` with `f.result()` in the next."""
    if not isinstance(body, list):
        return
    for first, second in itertools.pairwise(body):
        started = _method(first, "start")
        if started and _method(second, "join") == started:
            yield Hint("start_join", second.lineno, function, None, {"name": started})
        if isinstance(first, ast.Assign) and isinstance(first.value, ast.Call) and len(first.targets) == 1:
            future = text(first.targets[0])
            if text(first.value.func).endswith((".submit", ".apply_async")) and future:
                waits = [call for call in calls(second) if text(call.func) in (f"{future}.result", f"{future}.get")]
                if waits and not isinstance(second, ast.For | ast.While | ast.With):
                    yield Hint("submit_result", waits[0].lineno, function, None, {"name": future})


def _method(node: ast.stmt, name: str) -> str:
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == name
    ):
        return text(node.value.func.value)
    return ""


def _round_trips(function: Function, typer: Typer, dumped: list[Call]) -> Iterator[Hint]:
    texts: dict[str, Call] = {}
    held = {call.target: call for call in dumped if call.use == model.USE_ASSIGNED and call.target}
    for call in function.calls:
        if call.name in _LOADS and call.node is not None and call.node.args:
            given = call.node.args[0]
            name = typer.name(given.func, function) if isinstance(given, ast.Call) else ""
            if name in _DUMPS or text(given) in held:
                yield Hint("round_trip", call.line, function, call.loop, {"call": source(call.node)})
    for call in dumped:
        assert call.node is not None
        written = source(call.node.args[0], 400) if call.node.args else ""
        before = texts.setdefault(written, call)
        if before is call or not written or before.line == call.line:
            continue
        if not _changed(function, call, before) and not _exclusive(function, before.line, call.line):
            yield Hint("dumped_twice", call.line, function, call.loop, {"call": source(call.node)})


def _exclusive(function: Function, first: int, second: int) -> bool:
    """Whether two lines stand in different branches, or the first in one that is left by `return`."""
    assert function.node is not None
    for node in statements(function.node.body):
        if isinstance(node, ast.If | ast.Try):
            branches = [node.body, node.orelse, *(handler.body for handler in getattr(node, "handlers", ()))]
            inside = [
                next((i for i, body in enumerate(branches) if _spans(body, line)), -1) for line in (first, second)
            ]
            if inside[0] >= 0 and inside[0] != inside[1]:
                last = branches[inside[0]][-1]
                if inside[1] >= 0 or isinstance(last, ast.Return | ast.Raise):
                    return True
    return False


def _spans(body: Sequence[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _changed(function: Function, call: Call, before: Call) -> bool:
    """Whether something that is written out is changed between two calls."""
    assert call.node is not None
    used = names(call.node)
    if any(before.line < store.line <= call.line and store.owner.split(".")[0] in used for store in function.stores):
        return True
    if call.loop is not before.loop:
        return True
    assert function.node is not None
    return any(
        before.line < node.lineno < call.line and names(target) & used
        for node in statements(function.node.body)
        if isinstance(node, ast.Assign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "start_join" and function.name in ("main", "run", "<module>", "serve"):
                continue  # the program itself waits for its work
            if hint.rule in ("start_join", "submit_result"):
                yield found(function, hint.line, hint.rule, "2.3", facts=hint.facts)
            elif hint.rule in ("round_trip", "dumped_twice"):
                severity = Severity.IMPORTANT if hint.rule == "round_trip" else Severity.MINOR
                yield found(function, hint.line, hint.rule, "2.4", severity=severity, facts=hint.facts)
        yield from _connections(function)
        yield from _copies(function)
        for call in function.calls:
            yield from _reopened(project, call)
            if _is_notice(project, call) or (
                call.effects & fx.HTTP and _unused(call) and function.heat & model.HANDLER
            ):
                told = source(call.node) or f"{call.method}(…)"
                yield found(function, call.line, "unawaited_notice", "2.3", call=told)
            if call.node is None:
                continue
            if call.method == "result" and call.node.func and isinstance(call.node.func, ast.Attribute):
                inner = call.node.func.value
                if isinstance(inner, ast.Call) and text(inner.func).endswith(".submit"):
                    yield found(function, call.line, "submit_result", "2.3", name=source(inner))


def _is_notice(project: Project, call: Call) -> bool:
    """Whether a request handler sends something by a helper whose result it does not look at."""
    function = call.function
    callee = project.callee(call)
    return (
        callee is not None
        and call.use == model.USE_DROPPED
        and function.heat & model.HANDLER != 0
        and function.name.startswith(("do_", "handle"))
        and callee.effects & fx.HTTP != 0
        and (callee.owner is None or callee.owner is not function.owner or _TELLS.search(callee.name) is not None)
        and not any(_unused(inner) and inner.effects & fx.HTTP for inner in callee.calls)
    )


_TELLS = re.compile(r"notif|push|publish|report|audit|track|emit|ping|alert|usage|hook|announce|broadcast|log")
"""A method of the handler itself may as well write the answer; by such a name it only tells somebody."""


def _copies(function: Function) -> Iterator[Finding]:
    """A whole copy of what a cache holds, made for each look-up."""
    for call in function.calls:
        if call.name != "copy.deepcopy" or call.node is None or not call.node.args or call.use != model.USE_RETURNED:
            continue
        given = call.node.args[0]
        if isinstance(given, ast.Subscript) and (
            root(given).startswith(("self.", "cls."))
            or root(given) in function.module.values
            or root(given).partition(".")[0] in function.module.classes
        ):
            yield found(function, call.line, "round_trip", "2.4", call=source(call.node))


def _unused(call: Call) -> bool:
    if call.name.startswith("http.client."):
        return False  # it is the answer that one waits for
    return call.use == model.USE_DROPPED and call.method in ("post", "put", "request", "urlopen", "patch")


def _connections(function: Function) -> Iterator[Finding]:
    """Each `requests.verb` opens a connection of its own: in a loop, or several in one function."""
    plain = [call for call in function.calls if call.name in MODULE_VERBS and call.node is not None]
    looped = [
        call
        for call in plain
        if (loop := items_loop(call)) is not None
        and not is_retry(loop)
        and not (loop.kind == "while" and call.method == "urlopen")
    ]
    several = plain if len({call.line for call in plain}) > 1 else []
    for call in looped or several:
        yield found(function, call.line, "no_session", "2.2", facts=pooled(call))


def pooled(call: Call) -> dict[str, str]:
    """Facts of a request that opens its own connection, with the same request by a session."""
    assert call.node is not None
    verb = call.method if call.method in fx.VERBS else "get"
    return {"call": source(call.node), "verb": verb, "fixed": changed(call.node, f"session.{verb}", timeout="(3, 10)")}


def _reopened(project: Project, call: Call) -> Iterator[Finding]:
    """A file that is opened to append once for each item of a loop."""
    loop = items_loop(call)
    if loop is None or call.place & model.IN_EXCEPT:
        return
    if call.name in ("builtins.open", "pathlib.Path.open") and "a" in mode_of(call):
        path = path_of(call)
        if path is not None and not names(path) & {*loop.targets, *loop.assigned}:
            yield found(call.function, call.line, "reopened", "2.1", "4.1", call=source(call.node), path=source(path))
    callee = project.callee(call)
    if callee is None or callee.loops or is_retry(loop) or call.node is None:
        return
    if callee.effects & _MORE:
        return
    filled = {store.owner for store in call.function.stores if store.loop is loop and store.how != "in"}
    if not any(names(given) & {*loop.targets, *filled} for given in [*call.node.args, *_keyword_values(call.node)]):
        return
    if callee.effects & fx.WRITE and not callee.own & fx.WRITE and _rewrites(project, callee):
        yield found(call.function, call.line, "reopened", "2.1", "4.1", call=source(call.node), path=callee.qualname)
        return
    item = _of_item(call, callee, loop)
    for inner in callee.calls:
        if _writes_same(inner, callee, item):
            yield found(
                call.function, call.line, "reopened", "2.1", "4.1", call=source(call.node), path=source(path_of(inner))
            )
            return
        if inner.effects & fx.SYNC and callee.module is function_module(call):
            yield found(call.function, call.line, "reopened", "2.1", "4.3", call=source(call.node), path="")
            return


def _of_item(call: Call, callee: Function, loop: Loop) -> set[str]:
    """The parameters of what is called that change with each item of a loop."""
    assert call.node is not None
    changing = {*loop.targets, *loop.assigned}
    params = [param for param in callee.params if param not in ("self", "cls")]
    found = {param for param, given in zip(params, call.node.args, strict=False) if names(given) & changing}
    return found | {keyword.arg for keyword in call.node.keywords if keyword.arg and names(keyword.value) & changing}


def _writes_same(call: Call, function: Function, item: set[str]) -> bool:
    """Whether a helper opens the same file to write to it, whatever item it is given."""
    if call.node is None or call.place & model.IN_EXCEPT or not call.effects & fx.WRITE or call.effects & fx.CPU:
        return False
    if call.name not in fx.OPENERS and call.method not in ("write_text", "write_bytes"):
        return False
    path = path_of(call)
    if path is None or (
        isinstance(path, ast.Name) and path.id not in function.params and path.id not in _known(function)
    ):
        return False
    return not _leads(path, function) & item


def _known(function: Function) -> set[str]:
    return {name for name, value in function.values.items() if value is not None} | function.module.values.keys()


def _leads(node: ast.expr, function: Function, depth: int = 0) -> set[str]:
    """The names that an expression is made of, through what local names stand for."""
    found = names(node)
    for name in list(found):
        value = function.values.get(name)
        if value is not None and depth < 3:
            found |= _leads(value, function, depth + 1)
    return found


_MORE = fx.PROCESS | fx.HTTP | fx.CONNECT | fx.SLEEP
"""What a function does beside writing its item down: then it is more than a record that could go with others."""


def _rewrites(project: Project, function: Function) -> bool:
    """Whether one of the helpers that a function calls writes the same file each time, or syncs."""
    for call in function.calls:
        callee = project.callee(call)
        for inner in callee.calls if callee is not None else ():
            written = inner.effects & fx.WRITE and inner.node is not None and fixed(path_of(inner), inner.function)
            if written or inner.effects & fx.SYNC:
                return True
    return False


def _keyword_values(node: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in node.keywords]


def function_module(call: Call) -> Module:
    return call.function.module
