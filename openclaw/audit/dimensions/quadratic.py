"""Loops that cost as much as a collection is long in each of their turns. A part of dimension 7."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit.dimensions.lists import base, is_list, tests
from openclaw.audit.model import Call, Function, Hint, Loop, Store
from openclaw.audit.places import is_short
from openclaw.audit.syntax import calls, constant, names, source, text, walk
from openclaw.audit.typer import Typer


def nested(loop: Loop, function: Function) -> Iterator[Hint]:
    """Two loops over the same thing, one in the other."""
    if loop.parent is None or loop.iterable is None or function.name == "<module>":
        return
    inner = base(loop.iterable)
    if any(
        store.owner == inner and store.how in ("append", "extend") and store.loop in loop.chain()[1:]
        for store in function.stores
    ) and not any(outer.endless for outer in loop.chain()):
        yield Hint("nested_loops", loop.line, function, loop, {"name": inner})
        return
    for outer in loop.chain()[1:]:
        if (
            outer.iterable is not None
            and inner
            and base(outer.iterable) == inner
            and inner.split(".")[0] not in outer.targets
        ):
            yield Hint("nested_loops", loop.line, function, loop, {"name": inner})
            return


def joined(loop: Loop, function: Function) -> Iterator[Hint]:
    """For each item of one collection, another gone through for those of the same key."""
    outer = loop.parent
    if outer is None or loop.iterable is None or outer.iterable is None or outer.endless:
        return
    name = base(loop.iterable)
    fixed_ = function.module.values.get(name) or function.values.get(name)
    carried = {*outer.targets, *(found for found, line in outer.assigned.items() if line != loop.line)}
    if not name or name.split(".")[0] in carried or isinstance(fixed_, ast.Tuple | ast.List | ast.Set):
        return
    if any(_matches(test, loop.targets, outer.targets) for test in tests(loop.node)):
        yield Hint("nested_loops", loop.line, function, loop, {"name": name})


def _matches(test: ast.expr, inner: frozenset[str], outer: frozenset[str]) -> bool:
    """`a.key == b.key`, with one side of each loop."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_matches(value, inner, outer) for value in test.values)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    left, right = names(test.left), names(test.comparators[0])
    return bool(
        (left & inner and right & outer and not right & inner) or (right & inner and left & outer and not left & inner)
    )


def selected(loop: Loop, function: Function) -> Iterator[Hint]:
    """`while items: best = max(items); items.remove(best)`: all that is left is gone through in each turn."""
    if loop.kind != "while" or loop.test is None or not isinstance(loop.node, ast.While):
        return
    inside = list(calls(loop.node))
    if any(text(call.func).endswith(("sleep", "wait")) for call in inside):
        return
    shrunk = {
        text(call.func.value)
        for call in inside
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("remove", "pop", "popleft")
    }
    for call in inside:
        if text(call.func) in ("max", "min", "sum", "sorted") and call.args:
            given = call.args[0]
            whole = given.generators[0].iter if isinstance(given, ast.GeneratorExp | ast.ListComp) else given
            if text(whole) and text(whole) in shrunk:
                yield Hint("sorted_in_loop", call.lineno, function, loop, {"name": text(whole)})
                return


def resorted(typer: Typer, function: Function) -> Iterator[Hint]:
    """A list that is kept sorted by sorting all of it after each addition."""
    for call in function.calls:
        if call.name == "list.index" and call.loop is None and is_list(call.receiver, typer, function):
            test = source(call.node)
            yield Hint("linear_scan", call.line, function, None, {"name": call.receiver, "test": test})
        owner = call.receiver if call.name == "list.sort" else call.target if _sorts_itself(call) else ""
        if not owner or call.loop is not None or not is_list(owner, typer, function):
            continue
        added = [
            store for store in function.stores if store.owner == owner and store.how == "append" and store.loop is None
        ]
        if added and added[0].line < call.line:
            yield Hint("sorted_each", call.line, function, None, {"name": owner})


def _sorts_itself(call: Call) -> bool:
    """`self.items = sorted(self.items)`."""
    return (
        call.name == "builtins.sorted"
        and call.node is not None
        and bool(call.node.args)
        and call.target != ""
        and text(call.node.args[0]) == call.target
    )


def membership(store: Store, typer: Typer, function: Function) -> Iterator[Hint]:
    """`x in list` within a loop that makes the list longer, or over a list that the loop does not change."""
    assert store.loop is not None
    owner = store.owner
    if isinstance(store.value, ast.ListComp | ast.Call) and not owner:
        if store.loop.kind != "comp" or store.loop.iterable is not store.value:
            yield Hint("list_membership", store.line, function, store.loop, {"name": source(store.value)})
        return
    node: ast.expr = ast.Name(owner.split(".")[0])
    for part in owner.split(".")[1:]:
        node = ast.Attribute(node, part)
    kind = typer.of(node, function)
    given = owner in function.params and owner not in store.loop.assigned and owner not in function.values
    if given and kind in ("", "list") and not is_short(store.loop):
        yield Hint("given_membership", store.line, function, store.loop, {"name": owner, "kind": kind})
        return
    if kind not in ("list", "deque"):
        return
    grows = any(
        other.owner == owner and other.how in ("append", "extend", "insert", "+=") and other.loop is not None
        for other in function.stores
    )
    if 0 < store.loop.assigned.get(owner, 0) < store.line and owner in function.values:
        return  # made anew in each turn
    literal = function.values.get(owner) or function.module.values.get(owner)
    if function.owner is not None and owner.startswith(("self.", "cls.")):
        literal = literal or function.owner.values.get(owner.split(".")[1])
    if isinstance(literal, ast.List) and not grows and len(literal.elts) > 0:
        return
    if not grows and (owner in function.params or owner in store.loop.assigned):
        return  # short, or its caller's
    yield Hint("list_membership", store.line, function, store.loop, {"name": owner})


def cut_off(loop: Loop, function: Function) -> Iterator[Hint]:
    """`while data: … data = data[n:]`: what is left of a text, of bytes or of a list is copied in each turn."""
    if loop.kind != "while" or loop.test is None or not isinstance(loop.node, ast.While):
        return
    tested = {text(found) for found in walk(loop.test)} - {""}
    for node in walk(loop.node):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Subscript):
            continue
        cut, name = node.value.slice, text(node.targets[0])
        rest = isinstance(cut, ast.Slice) and cut.lower is not None and cut.upper is None and cut.step is None
        if rest and name and name in tested and text(node.value.value) == name and not _viewed(name, function):
            yield Hint("list_shift", node.lineno, function, loop, {"name": name, "call": source(node)})


def _viewed(name: str, function: Function) -> bool:
    """Whether a name is a view of bytes, whose slices copy nothing."""
    given = function.values.get(name)
    return "memoryview" in source(given) or any(
        call.name == "builtins.memoryview" and call.target == name for call in function.calls
    )


_SHIFTS = frozenset({"list.index", "list.remove", "list.count", "list.insert", "list.pop", "?.pop", "?.insert"})
"""Calls that cost as much as a list is long; with a first argument of 0, of something unknown too."""


def quadratic(typer: Typer, function: Function) -> Iterator[Hint]:
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
        elif call.name in _SHIFTS:
            first = constant(call.node.args[0]) if call.node.args else None
            if (call.method in ("insert", "pop") and first != 0) or (
                call.method == "index" and len(call.node.args) > 1
            ):
                continue
            if call.method in ("remove", "pop", "index") and any(loop.leaves for loop in call.loop.chain()[:1]):
                continue  # once, and out
            yield Hint("list_shift", call.line, function, call.loop, {"name": call.receiver, "call": source(call.node)})
    _ = typer
