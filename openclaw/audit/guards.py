"""What a test says: that a cache is filled behind it, that a loop counts, which sides it compares. Pure functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from openclaw.audit.syntax import constant, ends, mentions, root, statements, text, walk

_STAMP = re.compile(r"mtime|loaded|expire|stamp|\bttl|version|checked|fetched|_at$|age$", re.IGNORECASE)
_KEPT_STAMP = re.compile(r"last|next|when|until", re.IGNORECASE)
"""What an attribute may be called beside that; a plain name of this kind says too little."""


def _stamped(test: ast.Compare) -> bool:
    """Whether a comparison is with a remembered time or version of something."""
    for side in sides(test):
        for found in walk(side):
            if isinstance(found, ast.Attribute | ast.Name) and _STAMP.search(text(found)):
                return True
            if isinstance(found, ast.Attribute) and _KEPT_STAMP.search(found.attr):
                return True
    return False


def sides(node: ast.Compare) -> list[ast.expr]:
    return [node.left, *node.comparators]


def only_reads(body: Sequence[ast.stmt]) -> bool:
    """Whether a `try` body only looks something up, as in `return cache[key]`."""
    return (
        len(body) == 1
        and isinstance(body[0], ast.Return | ast.Assign)
        and isinstance(body[0].value, ast.Subscript | ast.Attribute)
    )


def counts(test: ast.expr) -> bool:
    """Whether a `while` ends by itself: by a count (`n < 10`), or by emptying something (`while queue`)."""
    if isinstance(test, ast.Compare):
        operator = test.ops[0]
        if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            return not any(isinstance(side, ast.Call) and not _measures(side) for side in sides(test))
        return False
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(counts(value) for value in test.values)
    if isinstance(test, ast.NamedExpr):
        return True
    return isinstance(test, ast.Name) and test.id not in ("running", "alive", "active", "keep_running")


def _measures(call: ast.Call) -> bool:
    """`len(items)` of something at hand; `len(load())` asks anew in each turn."""
    return text(call.func) == "len" and not any(isinstance(found, ast.Call) for arg in call.args for found in walk(arg))


def is_miss(test: ast.expr, body: Sequence[ast.stmt]) -> bool:
    """`x is None`, `not x`, `key not in x`, `mtime != self.mtime`, with a body that fills x."""
    if isinstance(test, ast.BoolOp):
        return any(is_miss(value, body) for value in test.values)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        if isinstance(test.operand, ast.Call):
            asked = test.operand
            return text(asked.func) == "hasattr" and bool(asked.args) and _fills(body, text(asked.args[0]))
        return _fills(body, root(test.operand))
    if not isinstance(test, ast.Compare):
        return False
    operator, right = test.ops[0], test.comparators[0]
    if isinstance(operator, ast.Is) and constant(right) is None:
        return isinstance(test.left, ast.NamedExpr) or _fills(body, root(test.left))
    if isinstance(operator, ast.NotIn):
        return _fills(body, root(right))
    return not isinstance(operator, ast.In | ast.Is | ast.IsNot) and _stamped(test)


def _fills(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a block gives something to `name`: assigns it, a part of it, or calls a method of it."""
    if not name:
        return False
    for node in statements(body):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        flat = [part for target in targets for part in getattr(target, "elts", [target])]
        if any(root(target) == name or text(target).startswith(f"{name}.") for target in flat):
            return True
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
        ) and root(node.value.func.value) == name:
            return True
    return False


def is_hit(test: ast.expr, body: Sequence[ast.stmt]) -> bool:
    """`x is not None`, `key in x`, `mtime == self.mtime`, with a body that uses x: the other way fills a cache."""
    if isinstance(test, ast.BoolOp):
        return any(is_hit(value, body) for value in test.values)
    if isinstance(test, ast.Name | ast.Attribute):
        return bool(re.search(r"cache|hit|known|memo|loaded", text(test))) and _uses(body, text(test))
    if not isinstance(test, ast.Compare):
        return False
    operator, right = test.ops[0], test.comparators[0]
    if isinstance(operator, ast.IsNot) and constant(right) is None:
        return _uses(body, root(test.left) or text(getattr(test.left, "target", None)))
    if isinstance(operator, ast.In):
        return _uses(body, root(right))
    return _stamped(test)


def _uses(body: Sequence[ast.stmt], name: str) -> bool:
    return name != "" and any(mentions(statement, name) for statement in body)


def waits_for_others(node: ast.While) -> bool:
    """`while len(self.running) >= limit: sleep(…)`: nothing in the turn changes what is tested."""
    inside = [found for statement in node.body for found in walk(statement)]
    if not any(isinstance(found, ast.Call) and text(found.func).endswith("sleep") for found in inside):
        return False
    tested = {text(found) for found in walk(node.test) if isinstance(found, ast.Name | ast.Attribute)} - {"len"}
    touched: set[str] = set()
    for found in inside:
        if isinstance(found, ast.Assign):
            touched.update(root(part) for target in found.targets for part in getattr(target, "elts", [target]))
        elif isinstance(found, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            touched.add(root(found.target))
        elif isinstance(found, ast.Delete):
            touched.update(root(target) for target in found.targets)
        elif isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute):
            touched.add(root(found.func.value))
    return not tested & touched


def leaves_on_hit(node: ast.stmt) -> bool:
    """`if key in cache: return cache[key]`, under a lock or in a `try` too: what follows fills the cache."""
    if isinstance(node, ast.If):
        return ends(node.body) and is_hit(node.test, node.body)
    return isinstance(node, ast.With | ast.Try) and any(leaves_on_hit(inner) for inner in node.body)
