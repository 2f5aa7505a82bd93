"""What a list is known to be: one that lasts, one that is settled, what a loop goes over. A part of dimension 7."""

from __future__ import annotations

import ast

from openclaw.audit.model import Function
from openclaw.audit.syntax import calls, source, text
from openclaw.audit.typer import Typer


def is_list(owner: str, typer: Typer, function: Function) -> bool:
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


def tests(node: ast.AST | None) -> list[ast.expr]:
    if isinstance(node, ast.For):
        return [statement.test for statement in node.body if isinstance(statement, ast.If)]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        found = [test for generator in node.generators for test in generator.ifs]
        return [*found, node.elt] if isinstance(node, ast.GeneratorExp) else found
    return []


def base(node: ast.expr) -> str:
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
