"""Files and connections that nobody closes. A part of dimension 1."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import model
from openclaw.audit.model import Call, Function, Hint
from openclaw.audit.syntax import calls, source, statements, text, walk

_OPENERS = frozenset(
    [
        "builtins.open",
        "pathlib.Path.open",
        "gzip.open",
        "bz2.open",
        "lzma.open",
        "os.fdopen",
        "tarfile.open",
        "zipfile.ZipFile",
    ]
)


_OWNED = re.compile(r"enter_context|closing|callback|push|register|partial|wrap|TextIOWrapper|addfinalizer|Popen")


def unclosed(function: Function) -> Iterator[Hint]:
    """Handles that nobody closes: the whole body tells."""
    for call in function.calls:
        if call.name in _OPENERS and call.node is not None and not _owned(call, function):
            yield Hint("open_leak", call.line, function, call.loop, {"call": source(call.node), "use": call.use})
        elif call.name == "socket.socket" and call.use in (model.USE_ASSIGNED, model.USE_WITH) and call.target:
            yield from _socket(call, function)
        elif (
            call.name == "socket.create_connection"
            and call.use == model.USE_ASSIGNED
            and not _closed_somewhere(call.target, function)
        ):
            yield Hint("open_leak", call.line, function, call.loop, {"call": source(call.node), "use": call.use})


def _owned(call: Call, function: Function) -> bool:
    if call.use in (model.USE_WITH, model.USE_RETURNED):
        return True
    if call.place & model.IN_LAMBDA:
        return True
    if call.use == model.USE_ARGUMENT:
        return _OWNED.search(call.target) is not None or call.target.rpartition(".")[2][:1].isupper()
    if call.use == model.USE_ASSIGNED:
        return function.name == "<module>" or _kept(call.target, function)
    if call.use == model.USE_OTHER:
        return False
    return False


def _kept(target: str, function: Function) -> bool:
    """Whether the handle that `target` holds is closed on every way, handed on, or owned by an object that closes."""
    if "." in target:
        owner = function.owner
        if target.startswith("self.") and owner is not None:
            return target.split(".")[1] in owner.closed
        return True
    if not target or function.node is None:
        return not target
    for node in statements(function.node.body):
        if isinstance(node, ast.Try) and any(
            text(call.func) == f"{target}.close" for final in node.finalbody for call in calls(final)
        ):
            return True
        if isinstance(node, ast.Return) and text(node.value) == target:
            return True
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple | ast.Call) and _hands(node.value, target):
            return True
        if isinstance(node, ast.With) and any(
            text(item.context_expr) == target or _hands(item.context_expr, target) for item in node.items
        ):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield) and text(node.value.value) == target:
            return True
        if isinstance(node, ast.Assign) and text(node.value) == target:
            return _adopted(node.targets[0], function)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value
            if _OWNED.search(text(called.func)) and any(text(arg).startswith(target) for arg in called.args):
                return True
    return False


def _adopted(target: ast.expr, function: Function) -> bool:
    base = target.value if isinstance(target, ast.Subscript) else target
    name = text(base)
    if name.startswith("self.") and function.owner is not None:
        return name.split(".")[1] in function.owner.closed
    return bool(name)


def _hands(node: ast.expr, target: str) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple) else node.args if isinstance(node, ast.Call) else []
    return any(text(part) == target for part in parts)


def _socket(call: Call, function: Function) -> Iterator[Hint]:
    """`s = socket.socket(); s.connect(…)` without a time limit."""
    name = call.target
    methods = {other.method: other for other in function.calls if other.receiver == name}
    if (
        "connect" in methods
        and "SOCK_DGRAM" not in source(call.node)  # sends without waiting for anybody
        and "settimeout" not in methods
        and "setblocking" not in methods
        and (
            function.node is None
            or not any(
                text(found.func) in (f"{name}.settimeout", f"{name}.setblocking") for found in calls(function.node)
            )
        )
    ):
        facts = {"call": f"{name}.connect(…)", "fixed": f"{name}.settimeout(10)  # before {name}.connect(…)"}
        yield Hint("no_timeout", methods["connect"].line, function, call.loop, facts)
    if call.use != model.USE_WITH and not _closed_somewhere(name, function):
        yield Hint("open_leak", call.line, function, call.loop, {"call": "socket.socket()", "use": call.use})


def _closed_somewhere(name: str, function: Function) -> bool:
    """Whether a connection is closed in its function, or is somebody else's to close."""
    if not name or function.node is None or function.name == "<module>" or _kept(name, function):
        return True
    if any(loop.endless and loop.kind == "while" and not loop.leaves for loop in function.loops):
        return True  # it is needed as long as the function runs, which is for ever
    for node in walk(function.node):
        if isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if text(node.func) == f"{name}.close" or any(text(argument_) == name for argument_ in given):
                return True
        elif isinstance(node, ast.Return | ast.Yield) and text(node.value) == name:
            return True
    return False
