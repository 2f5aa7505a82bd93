"""What costs as much as a collection is long: linear scans, nested loops, list operations. A part of dimension 7."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit.effects import READ
from openclaw.audit.model import Call, Function, Hint, Loop, Store
from openclaw.audit.syntax import calls, constant, names, source, text, walk
from openclaw.audit.typer import Typer


def scan(loop: Loop, typer: Typer, function: Function) -> Iterator[Hint]:
    """A long-lived list gone through for the one item with a key."""
    iterable = loop.iterable
    owner = _base(iterable) if iterable is not None else ""
    if _file_scan(loop, typer, function):
        yield Hint("file_scan", loop.line, function, loop, {"name": source(iterable)})
        return
    if _parsed(loop, typer, function):
        yield Hint("parsed_scan", loop.line, function, loop, {"name": source(iterable)})
        return
    if _within(loop, function):
        yield Hint("linear_scan", loop.line, function, loop, {"name": source(iterable), "test": source(_first(loop))})
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
    owner = _base(loop.iterable) if loop.iterable is not None else ""
    given = owner in function.params and owner not in ("self", "cls")
    if loop.parent is not None or not owner or not (given or _is_list(owner, typer, function)):
        return
    params = set(function.params) - {"self", "cls", owner}
    asks = any(
        isinstance(found, ast.Compare)
        and isinstance(found.ops[0], ast.Eq | ast.In)
        and names(found) & params
        and names(found) & loop.targets
        for test in _tests(loop.node)
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


def _is_list(owner: str, typer: Typer, function: Function) -> bool:
    """Whether a name holds a list that outlives the function."""
    head = owner.split(".", maxsplit=1)[0]
    if "." not in owner and (head in function.types or head in function.values or head in function.params):
        return False
    if _settled(owner, function):
        return False
    node: ast.expr = ast.Name(head)
    for part in owner.split(".")[1:]:
        node = ast.Attribute(node, part)
    return (
        typer.of(node, function) in ("list", "deque")
        and (head in ("self", "cls") or head in function.module.types or head in function.module.classes)
        and owner not in ("self.headers",)
    )


def _settled(owner: str, function: Function) -> bool:
    """Whether a list of the module is written out in it, and nothing adds to it: it is as short as it looks."""
    literal = function.module.values.get(owner)
    return isinstance(literal, ast.List | ast.ListComp) and not any(
        store.owner == owner and store.how != "in" for other in function.module.functions for store in other.stores
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


def nested(loop: Loop, function: Function) -> Iterator[Hint]:
    """Two loops over the same thing, one in the other."""
    if loop.parent is None or loop.iterable is None or function.name == "<module>":
        return
    inner = _base(loop.iterable)
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
            and _base(outer.iterable) == inner
            and inner.split(".")[0] not in outer.targets
        ):
            yield Hint("nested_loops", loop.line, function, loop, {"name": inner})
            return


def joined(loop: Loop, function: Function) -> Iterator[Hint]:
    """For each item of one collection, another gone through for those of the same key."""
    outer = loop.parent
    if outer is None or loop.iterable is None or outer.iterable is None or outer.endless:
        return
    name = _base(loop.iterable)
    fixed_ = function.module.values.get(name) or function.values.get(name)
    carried = {*outer.targets, *(found for found, line in outer.assigned.items() if line != loop.line)}
    if not name or name.split(".")[0] in carried or isinstance(fixed_, ast.Tuple | ast.List | ast.Set):
        return
    if any(_matches(test, loop.targets, outer.targets) for test in _tests(loop.node)):
        yield Hint("nested_loops", loop.line, function, loop, {"name": name})


def _tests(node: ast.AST | None) -> list[ast.expr]:
    if isinstance(node, ast.For):
        return [statement.test for statement in node.body if isinstance(statement, ast.If)]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        found = [test for generator in node.generators for test in generator.ifs]
        return [*found, node.elt] if isinstance(node, ast.GeneratorExp) else found
    return []


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


def searched(store: Store, typer: Typer, function: Function) -> Iterator[Hint]:
    """`x in self.items` of a list that only grows: gone through on every call."""
    owner = store.owner
    if isinstance(store.value, ast.ListComp):
        made = _base(store.value.generators[0].iter)
        if _is_list(made, typer, function):
            test = f"{source(store.key)} in {source(store.value)}"
            yield Hint("list_search", store.line, function, None, {"name": made, "test": test})
        return
    if not _is_list(owner, typer, function) or owner.rpartition(".")[2] in function.module.evicted:
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


def resorted(typer: Typer, function: Function) -> Iterator[Hint]:
    """A list that is kept sorted by sorting all of it after each addition."""
    for call in function.calls:
        if call.name == "list.index" and call.loop is None and _is_list(call.receiver, typer, function):
            test = source(call.node)
            yield Hint("linear_scan", call.line, function, None, {"name": call.receiver, "test": test})
        owner = call.receiver if call.name == "list.sort" else call.target if _sorts_itself(call) else ""
        if not owner or call.loop is not None or not _is_list(owner, typer, function):
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
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            node = node.left
        else:
            return text(node)


_SAME_ITEMS = frozenset({"enumerate", "reversed", "list", "sorted", "len"})


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
    if typer.of(node, function) not in ("list", "deque"):
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
