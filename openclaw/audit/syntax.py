"""Small questions to a syntax tree, which need nothing else. Pure functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LEAVES = frozenset({ast.Constant, ast.Name})
_FLAT = frozenset(
    [
        *FUNCTIONS,
        ast.ClassDef,
        ast.Expr,
        ast.Assign,
        ast.AugAssign,
        ast.AnnAssign,
        ast.Return,
        ast.Raise,
        ast.Pass,
        ast.Assert,
        ast.Delete,
        ast.Import,
        ast.ImportFrom,
        ast.Global,
        ast.Nonlocal,
        ast.Break,
        ast.Continue,
    ]
)
"""Statements that hold no others, or whose own are another scope's."""


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements in `body` and below, without those of functions and classes that are defined in it."""
    stack = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        if type(node) in _FLAT:
            continue
        below: list[ast.stmt] = []
        for name in ("body", "orelse", "finalbody"):
            below.extend(getattr(node, name, ()))
        for handler in getattr(node, "handlers", ()):
            below.extend(handler.body)
        for case in getattr(node, "cases", ()):
            below.extend(case.body)
        stack.extend(reversed(below))


def text(node: ast.AST | None) -> str:
    """`a.b.c` of a name or a chain of attributes; of a subscript or a chained call what it is taken from; else ""."""
    parts: list[str] = []
    while node is not None:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            return ".".join(reversed(parts))
        else:
            return ""
    return ""


def root(node: ast.AST | None) -> str:
    """As `text`, seen through subscripts and through methods that give an element: `self.x` of `self.x[k]`."""
    while True:
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ELEMENT:
            node = node.func.value
        else:
            return text(node)


_ELEMENT = frozenset({"setdefault", "get", "values", "items", "keys", "copy"})


def source(node: ast.AST | None, limit: int = 120) -> str:
    """The node's source on one line, cut at `limit` characters."""
    if node is None:
        return ""
    written = " ".join(ast.unparse(node).split())
    return written if len(written) <= limit else written[: limit - 1] + "…"


def children(node: ast.AST) -> list[ast.AST]:
    """What stands directly below a node, in its order; `ast.iter_child_nodes` takes twice the time."""
    found: list[ast.AST] = []
    for value in node.__dict__.values():
        if value.__class__ is list:
            found.extend(value if value and isinstance(value[0], ast.AST) else ())
        elif isinstance(value, ast.AST) and value.__class__ not in _CONTEXTS:
            found.append(value)
    return [child for child in found if isinstance(child, ast.AST)]


_CONTEXTS = frozenset({ast.Load, ast.Store, ast.Del})


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, in the order of the source."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        if found.__class__ not in _LEAVES:
            below = children(found)
            below.reverse()
            stack.extend(below)


def names(node: ast.AST | None) -> set[str]:
    """Every plain name in an expression."""
    return {found.id for found in walk(node) if isinstance(found, ast.Name)} if node is not None else set()


def argument(call: ast.Call, position: int | None, keyword: str) -> ast.expr | None:
    """An argument by keyword, else by position (None: by keyword alone)."""
    for given in call.keywords:
        if given.arg == keyword:
            return given.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def has_star(call: ast.Call) -> bool:
    """Whether arguments come from a mapping or a sequence that is not seen here."""
    return any(given.arg is None for given in call.keywords) or any(isinstance(arg, ast.Starred) for arg in call.args)


def constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def calls(node: ast.AST | None) -> Iterator[ast.Call]:
    if node is not None:
        for found in walk(node):
            if isinstance(found, ast.Call):
                yield found


def mentions(node: ast.AST | None, wanted: str) -> bool:
    """Whether the expression contains a name or an attribute of this text."""
    if node is None:
        return False
    return any(isinstance(found, (ast.Name, ast.Attribute)) and text(found) == wanted for found in walk(node))


def ends(body: Sequence[ast.stmt]) -> bool:
    """Whether a block leaves its function or its loop's turn."""
    return bool(body) and isinstance(body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def changed(call: ast.Call, function: str = "", **keywords: str) -> str:
    """The call's source with another function, and with these keyword arguments in place of its own."""
    kept = [given for given in call.keywords if given.arg not in keywords]
    added = [ast.keyword(name, ast.parse(value, mode="eval").body) for name, value in keywords.items()]
    called: ast.expr = ast.parse(function, mode="eval").body if function else call.func
    return source(ast.Call(called, call.args, [*kept, *added]), 200)
