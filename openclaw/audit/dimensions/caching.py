"""Dimension 8, missing caches: files, settings, connections, names and results asked for again on every run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions.invariants import _HEAVY, _PURE, _again, _outside, _stable, computed_again
from openclaw.audit.dimensions.settings import handed_path, parsed_per_item, read_each_time, repeated
from openclaw.audit.dimensions.synchronous import MODULE_VERBS, pooled
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Module
from openclaw.audit.places import endless_loop, is_counted, is_retry, items_loop
from openclaw.audit.syntax import FUNCTIONS, constant, names, source, walk
from openclaw.audit.typer import Typer


def local(_module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    for call in function.calls:
        if call.node is None or call.name not in _PURE or not call.node.args:
            continue
        loop = items_loop(call) or endless_loop(call)
        if loop is None or call.place & (model.IN_GUARD | model.IN_EXCEPT):
            continue
        if call.place & model.IN_HEADER and not _outside(call):
            continue
        used = names(call.node)
        if _again(call, loop, used):
            yield Hint("invariant", call.line, function, loop, {"call": source(call.node)})
            continue
        if used & {*loop.targets, *loop.assigned} or any(loop_.targets & used for loop_ in loop.chain()):
            continue
        if used & function.module.evicted:
            continue
        if any(
            store.owner.split(".")[0] in used and store.loop is not None
            for store in function.stores
            if store.how != "in"
        ):
            continue
        if any(
            isinstance(found, ast.Call) and found is not call.node and not _stable(found, typer, function)
            for arg in call.node.args
            for found in walk(arg)
        ):
            continue
        if call.name not in _HEAVY and not isinstance(call.node.args[0], ast.Name | ast.Attribute | ast.Call):
            continue
        if call.name == "builtins.max" or (call.name == "builtins.min" and len(call.node.args) > 1):
            continue
        yield Hint("invariant", call.line, function, loop, {"call": source(call.node)})
    if isinstance(function.node, FUNCTIONS):
        yield from _recursion(function)


def _recursion(function: Function) -> Iterator[Hint]:
    """A function that calls itself twice with smaller arguments: the same is computed again and again."""
    assert isinstance(function.node, FUNCTIONS)
    if function.cached or function.yields or not any(call.method == function.name for call in function.calls):
        return
    own = [
        call
        for call in function.calls
        if call.method == function.name
        and call.node is not None
        and (call.loop is None or is_counted(call.loop))
        and not call.place & model.IN_LAMBDA
    ]
    memo = any(call.place & model.IN_GUARD for call in own)
    smaller = [
        call
        for call in own
        if call.node is not None
        and any(
            (isinstance(arg, ast.BinOp) and isinstance(arg.op, ast.Sub | ast.Add | ast.FloorDiv))
            or (isinstance(arg, ast.Subscript) and isinstance(arg.slice, ast.Slice))
            or (call.loop is not None and isinstance(arg, ast.Name) and arg.id in call.loop.targets)
            for arg in call.node.args
        )
    ]
    if len(smaller) > 1 and not memo:
        yield Hint("recursion", smaller[0].line, function, None, {"name": function.name})


def project(project: Project) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "invariant":
                point = "2.4" if "dumps" in hint.facts["call"].split("(")[0] else "8.2"
                yield found(
                    function, hint.line, "invariant", "8.2", *([point] if point != "8.2" else []), facts=hint.facts
                )
            elif hint.rule == "recursion":
                yield found(function, hint.line, "recursion", "8.6", "8.2", facts=hint.facts)
        for call in function.calls:
            if call.node is not None:
                yield from _unpooled(call, function)
            if call.place & model.IN_GUARD or function.cached:
                continue
            yield from read_each_time(project, call, function, told)
            if call.node is not None:
                yield from _compiled(call, function)
                yield from _resolved(call, function)
            if call.loop is not None:
                yield from computed_again(project, call, function)
        yield from parsed_per_item(project, function, told)
        yield from handed_path(project, function, told)


def _compiled(call: Call, function: Function) -> Iterator[Finding]:
    """A pattern compiled on every run."""
    if call.name != "re.compile" or function.name in ("<module>", "__init__") or call.node is None:
        return
    if call.target.startswith(("self.", "cls.")) or not call.node.args:
        return
    hot = function.heat & (model.HANDLER | model.CYCLE) or (
        function.heat & (model.ITEM | model.ENTRY) and call.loop is not None
    )
    if hot or (constant(call.node.args[0]) is not None and repeated(function) and call.loop is None):
        yield found(function, call.line, "invariant", "8.2", severity=Severity.MINOR, call=source(call.node))


def _resolved(call: Call, function: Function) -> Iterator[Finding]:
    """A name looked up again for each use."""
    if not call.effects & fx.DNS or call.name == "socket.getfqdn" or function.name in ("<module>", "main"):
        return
    if items_loop(call) is not None or endless_loop(call) is not None or repeated(function):
        yield found(function, call.line, "dns_each", "8.5", call=source(call.node))


def _unpooled(call: Call, function: Function) -> Iterator[Finding]:
    """`requests.get` in something that is run all the time: a new connection each time."""
    if call.name not in MODULE_VERBS or call.name.startswith("urllib") or function.name in ("<module>", "main"):
        return
    if (loop := items_loop(call)) is not None and not is_retry(loop):
        return
    plain = [other for other in function.calls if other.name in MODULE_VERBS]
    if len({other.line for other in plain}) > 1:
        return
    heat = function.heat & (model.HANDLER | model.ITEM | model.CYCLE)
    if (
        heat
        or endless_loop(call) is not None
        or _beside_session(function)
        or (_client(function) and call.node is not None and call.node.args and "self." in source(call.node.args[0]))
    ):
        yield found(function, call.line, "no_pool", "8.3", "2.2", facts=pooled(call))


def _beside_session(function: Function) -> bool:
    """Whether the object has a session, which this request does not use."""
    return function.owner is not None and "requests.Session" in function.owner.attributes.values()


def _client(function: Function) -> bool:
    """Whether the class is a client: several of its methods send requests."""
    owner = function.owner
    if owner is None:
        return False
    senders = [method for method in owner.methods.values() if any(call.name in MODULE_VERBS for call in method.calls)]
    return len(senders) > 1
