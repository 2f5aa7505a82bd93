"""What an expression is worth without running it: numbers, the text of a path, whether it is the same each time."""

from __future__ import annotations

import ast
import re

from openclaw.audit.model import Function, Module
from openclaw.audit.syntax import constant, source, text, walk

CONFIG = re.compile(
    r"conf|setting|\.ini\b|\.env\b|\.toml|\.ya?ml|\bcfg|preferences|routes?\b|rules|polic|quota|limits|filters?\b|\bflags?\b",
    re.IGNORECASE,
)
STATIC = re.compile(
    r"templat|static|schema|catalog|asset|polic|banner|\blang\b|locale|i18n|\.html|\.css|\.j2|\.tmpl|version|whitelist|allowlist",
    re.IGNORECASE,
)
STATE = re.compile(
    r"state|status|result|reply|queue|inbox|spool|cursor|offset|counter|pid|lock|journal|tasks?\b|session|registry|index|pending|mailbox|heartbeat|memory|notes|ledger|stats|/proc|/sys",
    re.IGNORECASE,
)
"""What changes while the service runs."""
VOLATILE = re.compile(r"/dev/shm|/run/(?!secrets)|XDG_RUNTIME|tmpfs|/proc/|/sys/|/dev/", re.IGNORECASE)
_DEPTH = 6


def number(node: ast.AST | None, function: Function) -> float | None:
    """The number that an expression stands for: literals, constants, defaults of parameters and of settings."""
    return _number(node, function, 0)


def _number(node: ast.AST | None, function: Function, depth: int) -> float | None:
    if node is None or depth > _DEPTH:
        return None
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            return None
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                return None
        return float(value) if isinstance(value, int | float) else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand, function, depth + 1)
        return -inner if inner is not None else None
    if isinstance(node, ast.BinOp):
        return _operation(node, function, depth)
    if isinstance(node, ast.Call):
        return _called(node, function, depth)
    if isinstance(node, ast.BoolOp):
        return _number(node.values[-1], function, depth + 1)
    if isinstance(node, ast.Name | ast.Attribute):
        return _number(definition(node, function), function, depth + 1)
    return None


def _operation(node: ast.BinOp, function: Function, depth: int) -> float | None:
    left, right = _number(node.left, function, depth + 1), _number(node.right, function, depth + 1)
    if left is None or right is None:
        return None
    try:
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.LShift():
                return float(int(left) << min(int(right), 60))
            case ast.Pow():
                return float(left**right) if abs(left) < 1e6 and abs(right) < 20 else None
    except (ArithmeticError, ValueError):
        return None
    return None


def _called(node: ast.Call, function: Function, depth: int) -> float | None:
    name = text(node.func)
    last = name.rpartition(".")[2]
    if last in ("float", "int", "max", "min") and node.args:
        found = [_number(argument, function, depth + 1) for argument in node.args]
        known = [value for value in found if value is not None]
        if last in ("float", "int"):
            return known[0] if known else None
        return (max if last == "max" else min)(known) if len(known) == len(found) else None
    if name in ("random.random", "random"):
        return 0.5
    if name.endswith("uniform") and len(node.args) == 2:
        ends = [_number(argument, function, depth + 1) for argument in node.args]
        return sum(value for value in ends if value is not None) / 2 if None not in ends else None
    if last in ("get", "getenv", "getfloat", "getint") and len(node.args) > 1:
        return _number(node.args[-1], function, depth + 1)
    return None


def definition(node: ast.AST | None, function: Function) -> ast.expr | None:
    """What a name or an attribute of self was given, where it was given it once."""
    if isinstance(node, ast.Name):
        scope: Function | None = function
        while scope is not None:
            if node.id in scope.values:
                return scope.values[node.id]
            if node.id in scope.params:
                return scope.defaults.get(node.id)
            scope = scope.outer
        return function.module.values.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = function.owner
        held = text(node.value)
        if held in ("self", "cls") and owner is not None:
            return owner.values.get(node.attr)
        cls = function.module.classes.get(held)
        return cls.values.get(node.attr) if cls is not None else None
    return None


def written(node: ast.AST | None, function: Function, depth: int = 0) -> str:
    """An expression's source, its names beside what they stand for: enough to find words in."""
    if node is None or depth > 3:
        return ""
    parts = [source(node, 300)]
    for found in walk(node):
        if isinstance(found, ast.Name | ast.Attribute):
            value = definition(found, function)
            if value is not None and value is not node:
                parts.append(written(value, function, depth + 1))
    return " ".join(part for part in parts if part)


def leaf(words: str) -> str:
    """The file's own name, where one with a suffix is written out; the folders around it say little of it."""
    for literal in re.findall(r"['\"]([^'\"]+)['\"]", words):
        if re.search(r"\.\w{1,6}$", literal):
            return str(literal.rpartition("/")[2])
    return words


def fixed(node: ast.AST | None, function: Function, depth: int = 0) -> bool:
    """Whether an expression is the same in every run of `function`: made of constants, and of what self was given."""
    if node is None or depth > _DEPTH:
        return False
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        return _fixed_name(node.id, function, depth)
    if isinstance(node, ast.Attribute):
        held = text(node)
        if held.startswith(("self.", "cls.")):
            return True
        return fixed(node.value, function, depth + 1)
    if isinstance(node, ast.BinOp):
        return fixed(node.left, function, depth + 1) and fixed(node.right, function, depth + 1)
    if isinstance(node, ast.JoinedStr):
        return all(fixed(value, function, depth + 1) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return fixed(node.value, function, depth + 1)
    if isinstance(node, ast.Subscript):
        return fixed(node.value, function, depth + 1) and fixed(node.slice, function, depth + 1)
    if isinstance(node, ast.Call):
        if text(node.func).rpartition(".")[2] not in _SAME:
            return False
        receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return all(fixed(part, function, depth + 1) for part in [*receiver, *node.args])
    return False


_SAME = frozenset(
    [
        "join",
        "expanduser",
        "Path",
        "abspath",
        "dirname",
        "joinpath",
        "get",
        "getenv",
        "str",
        "resolve",
        "with_suffix",
        "with_name",
        "realpath",
        "expandvars",
        "home",
        "cwd",
        "format",
    ]
)


def _fixed_name(name: str, function: Function, depth: int) -> bool:
    scope: Function | None = function
    while scope is not None and scope.name != "<module>":
        if name in scope.values:
            return fixed(scope.values[name], scope, depth + 1)
        if name in scope.params:
            return name in ("self", "cls")
        scope = scope.outer
    module: Module = function.module
    return name in module.values or name in module.imports or name in module.classes or name in _MODULES


_MODULES = frozenset({"os", "str", "Path"})


def is_constant(node: ast.AST | None) -> bool:
    return node is not None and constant(node) is not None
