"""Searches: a list, a mapping or a file gone through for the one item that is asked for. A part of dimension 7."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit.dimensions.lists import base, is_list, tests
from openclaw.audit.effects import READ
from openclaw.audit.model import Function, Hint, Loop, Store
from openclaw.audit.syntax import calls, names, source, text, walk
from openclaw.audit.typer import Typer


def scan(loop: Loop, typer: Typer, function: Function) -> Iterator[Hint]:
    """A long-lived list gone through for the one item with a key."""
    iterable = loop.iterable
    owner = base(iterable) if iterable is not None else ""
    if _file_scan(loop, typer, function):
        yield Hint("file_scan", loop.line, function, loop, {"name": source(iterable)})
        return
    if _parsed(loop, typer, function):
        yield Hint("parsed_scan", loop.line, function, loop, {"name": source(iterable)})
        return
    if _within(loop, function):
        yield Hint("linear_scan", loop.line, function, loop, {"name": source(iterable), "test": source(_first(loop))})
        return
    if not owner or not (is_list(owner, typer, function) or _records(owner, typer, function)):
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


def _records(owner: str, typer: Typer, function: Function) -> bool:
    """Whether a name of the module is what a file of JSON held: a list of records, as it is gone through."""
    given = function.module.values.get(owner) if owner not in function.types and owner not in function.params else None
    return isinstance(given, ast.Call) and typer.name(given.func, function) in ("json.load", "json.loads")


def _within(loop: Loop, function: Function) -> bool:
    """A search through the values of a long-lived mapping, or through the lists in it, for one by another key."""
    node, outer = loop.node, loop
    if not isinstance(node, ast.For) or len(node.body) != 1 or not isinstance(node.body[0], ast.If):
        return False
    if loop.parent is not None and isinstance(loop.iterable, ast.Name) and loop.iterable.id in loop.parent.targets:
        outer = loop.parent
    given = outer.iterable
    if not isinstance(given, ast.Call) or not isinstance(given.func, ast.Attribute):
        return False
    held = text(given.func.value)
    lasting = held.startswith("self.") or (held in function.module.types and held not in function.types)
    return (
        given.func.attr in ("values", "items")
        and lasting
        and held != "self.headers"
        and _finds(node.body[0])
        and _by_key(node.body[0].test, loop)
    )


def filtered(loop: Loop, typer: Typer, function: Function) -> Iterator[Hint]:
    """All of a long-lived list gone through for what a parameter asks: dear only where it is done for each item."""
    owner = base(loop.iterable) if loop.iterable is not None else ""
    given = owner in function.params and owner not in ("self", "cls")
    if loop.parent is not None or not owner or not (given or is_list(owner, typer, function)):
        return
    params = set(function.params) - {"self", "cls", owner}
    asks = any(
        isinstance(found, ast.Compare)
        and isinstance(found.ops[0], ast.Eq | ast.In)
        and names(found) & params
        and names(found) & loop.targets
        for test in tests(loop.node)
        for found in walk(test)
    )
    if asks:
        yield Hint("filtered_given" if given else "filtered_scan", loop.line, function, loop, {"name": owner})


def _first(loop: Loop) -> ast.expr | None:
    body = loop.node.body if isinstance(loop.node, ast.For) else []
    return body[0].test if body and isinstance(body[0], ast.If) else None


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


def _parsed(loop: Loop, typer: Typer, function: Function) -> bool:
    """A file parsed whole for the one record of a key that the caller asks for."""
    node = loop.iterable
    if not isinstance(loop.node, ast.For) or function.yields:
        return False
    if isinstance(node, ast.Name):
        node = function.values.get(node.id)
    return (
        isinstance(node, ast.Call)
        and typer.name(node.func, function) in ("json.load", "json.loads")
        and any(call.effects & READ for call in function.calls)
        and _asked(loop.node, function)
    )


_LINES = frozenset({"readlines", "splitlines"})


def _asked(node: ast.For, function: Function) -> bool:
    """Whether the loop compares what it reads with a parameter of its function."""
    params = set(function.params) - {"self", "cls"}
    leaves = any(isinstance(found, ast.Return | ast.Break) for found in walk(node))
    return any(
        isinstance(found, ast.Compare)
        and isinstance(found.ops[0], (ast.Eq, ast.In, ast.NotEq) if leaves else (ast.Eq, ast.NotEq))
        and any(isinstance(side, ast.Name) and side.id in params for side in [found.left, *found.comparators])
        for statement in node.body
        for found in walk(statement)
    ) or any(
        text(call.func).endswith(".startswith")
        and any(isinstance(arg, ast.Name) and arg.id in params for arg in call.args)
        for statement in node.body
        for call in calls(statement)
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


def searched(store: Store, typer: Typer, function: Function) -> Iterator[Hint]:
    """`x in self.items` of a list that only grows: gone through on every call."""
    owner = store.owner
    if isinstance(store.value, ast.ListComp):
        made = base(store.value.generators[0].iter)
        if is_list(made, typer, function):
            test = f"{source(store.key)} in {source(store.value)}"
            yield Hint("list_search", store.line, function, None, {"name": made, "test": test})
        return
    if not is_list(owner, typer, function) or owner.rpartition(".")[2] in function.module.evicted:
        return
    cls = function.owner
    if cls is not None and owner.startswith("self.") and owner.split(".")[1] in cls.evicted:
        return
    kept = owner.startswith("self.")
    if any(
        other.owner == owner and other.how in ("append", "extend", "insert", "+=")
        for method in function.module.functions
        if method.name != "<module>" and (method.owner is cls or not kept)
        for other in method.stores
    ):
        yield Hint(
            "list_search", store.line, function, None, {"name": owner, "test": f"{source(store.key)} in {owner}"}
        )
