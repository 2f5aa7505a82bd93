"""Dimension 6, memory: whole files read, containers that only grow, strings built by `+=`, objects kept alive."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions import growth, whole
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Module, Store
from openclaw.audit.places import is_short, path_of
from openclaw.audit.syntax import FUNCTIONS, argument, constant, names, source, text, walk
from openclaw.audit.typer import Typer
from openclaw.audit.values import fixed, number

LARGE = 1_000_000
"""Bytes per object from which a hundred of them matter."""
_THROUGH = frozenset({"sum", "any", "all", "max", "min", "set", "frozenset", "dict", "tuple", "sorted"})


def local(_module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    for store in function.stores:
        if store.how == "[0]":
            yield Hint("list_for_nothing", store.line, function, store.loop, {"call": f"{source(store.value)}[0]"})
        elif store.loop is not None and store.how in ("+=", "x=x+"):
            yield from _concatenation(typer, function, store)
    for call in function.calls:
        if call.node is not None:
            yield from _generator(call, function)
            yield from whole.download(call, function)
            if call.method in ("read", "readlines", "list", "read_text", "read_bytes", "sorted"):
                yield from whole.contents(typer, call, function)
    for loop in function.loops:
        if loop.kind == "comp" and isinstance(loop.node, ast.ListComp | ast.DictComp):
            yield from whole.all_contents(loop, typer, function)
    if function.name == "__init__":
        yield from _weights(function)
    elif function.name == "<module>" and function.module.classes:
        yield from _field_weights(function)
    yield from _caches(function)
    yield from growth.lasting(function)


def _caches(function: Function) -> Iterator[Hint]:
    """Caches that hold their objects, or have no bound."""
    if not isinstance(function.node, FUNCTIONS) or not function.cached:
        return
    if function.owner is None:
        yield from _endless_cache(function)
        return
    named = [name for name in function.decorators if "cache" in name and "cached_property" not in name]
    if named and function.params[:1] == ("self",):
        line = function.node.decorator_list[0].lineno
        yield Hint("method_cache", line, function, None, {"decorator": named[0]})


def _endless_cache(function: Function) -> Iterator[Hint]:
    assert isinstance(function.node, FUNCTIONS)
    for node in function.node.decorator_list:
        name = text(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]
        unlimited = name == "cache" or (
            name == "lru_cache"
            and isinstance(node, ast.Call)
            and (given := argument(node, 0, "maxsize")) is not None
            and isinstance(given, ast.Constant)
            and given.value is None
        )
        if unlimited and function.params:
            yield Hint("endless_cache", node.lineno, function, None, {"decorator": source(node)})


def _concatenation(typer: Typer, function: Function, store: Store) -> Iterator[Hint]:
    assert store.loop is not None
    if any(is_short(loop) for loop in store.loop.chain()[:1]) or store.key is not None:
        return
    if store.owner in store.loop.targets:
        return  # another one in each turn
    kind = _kind(store.owner, typer, function)
    if kind not in ("str", "bytes", "list", "tuple") and kind not in ("", "dict"):
        return
    value = typer.of(store.value, function)
    if store.how == "x=x+" and (kind == "list" or value == "list"):
        yield Hint("list_concat", store.line, function, store.loop, {"name": store.owner})
        return
    if kind in ("str", "bytes", "tuple") or (kind == "" and value in ("str", "bytes")):
        if value in ("int", "float") or _reset(store, function) or _named(store):
            return
        yield Hint("concat", store.line, function, store.loop, {"name": store.owner, "kind": kind or value})


def _named(store: Store) -> bool:
    """Whether the loop goes on until the text is one that it accepts: a free name, which stays short."""
    loop = store.loop
    return loop is not None and loop.kind == "while" and store.how == "x=x+" and store.owner in names(loop.test)


def _reset(store: Store, function: Function) -> bool:
    """Whether the name begins anew in each turn of the very loop: it never grows long."""
    loop = store.loop
    assert loop is not None
    node = loop.node
    if not isinstance(node, ast.For | ast.While):
        return False
    return (
        any(
            isinstance(statement, ast.Assign)
            and text(statement.targets[0]) == store.owner
            and statement.lineno < store.line
            and not names(statement.value) & {store.owner}
            for statement in node.body
        )
        and function is not None
    )


def _kind(owner: str, typer: Typer, function: Function) -> str:
    node: ast.expr = ast.Name(owner.split(".", maxsplit=1)[0])
    for part in owner.split(".")[1:]:
        node = ast.Attribute(node, part)
    return typer.of(node, function) or _attribute_kind(owner, function)


def _attribute_kind(owner: str, function: Function) -> str:
    """`str` or `bytes` where each class of the module that has an attribute of this name begins it as such a one."""
    head, _, last = owner.rpartition(".")
    if head not in function.params:
        return ""
    kinds = {cls.attributes[last] for cls in function.module.classes.values() if cls.attributes.get(last)}
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= {"str", "bytes"} else ""


def _generator(call: Call, function: Function) -> Iterator[Hint]:
    """A list made only to be counted, added up, or looked at once."""
    node = call.node
    assert node is not None
    if call.name.startswith("builtins.") and call.method in _THROUGH - {"sorted", "tuple"} and len(node.args) >= 1:
        if isinstance(node.args[0], ast.ListComp):
            yield Hint("list_for_nothing", call.line, function, call.loop, {"call": source(node)})
    elif (call.name == "builtins.len" and node.args and isinstance(node.args[0], ast.ListComp)) or (
        call.method == "join"
        and node.args
        and isinstance(node.args[0], ast.ListComp)
        and call.name in ("str.join", "bytes.join")
    ):
        yield Hint("list_for_nothing", call.line, function, call.loop, {"call": source(node)})
    elif call.name == "builtins.list" and call.use == model.USE_ITERATED and node.args:
        inner = node.args[0]
        if isinstance(inner, ast.Call) and text(inner.func) in (
            "map",
            "filter",
            "range",
            "zip",
            "enumerate",
            "reversed",
        ):
            yield Hint("list_for_nothing", call.line, function, call.loop, {"call": source(node)})


def _weights(function: Function) -> Iterator[Hint]:
    """Large buffers that each object makes for itself."""
    assert isinstance(function.node, FUNCTIONS)
    for node in walk(function.node):
        if isinstance(node, ast.expr) and (size := _size(node, function)) >= LARGE:
            yield Hint("weight", node.lineno, function, None, {"call": source(node), "bytes": f"{size:.0f}"})
            return


def _field_weights(function: Function) -> Iterator[Hint]:
    """Large buffers that each object of a dataclass begins with."""
    assert isinstance(function.node, ast.Module)
    for cls in function.node.body:
        for field in cls.body if isinstance(cls, ast.ClassDef) else ():
            if isinstance(field, ast.AnnAssign) and isinstance(field.value, ast.Call):
                factory = argument(field.value, None, "default_factory")
                size = _size(factory.body, function) if isinstance(factory, ast.Lambda) else 0.0
                if size >= LARGE:
                    facts = {"call": source(field.value), "bytes": f"{size:.0f}"}
                    yield Hint("weight", field.lineno, function, None, facts)


def _size(node: ast.expr, function: Function) -> float:
    """About how many bytes a literal of a known length takes: `[0] * n`, `bytearray(n)`, a comprehension over range."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for one, many in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, ast.List) or isinstance(constant(one), bytes | str):
                return (number(many, function) or 0) * (8 if isinstance(one, ast.List) else 1)
    elif isinstance(node, ast.Call) and text(node.func) in ("bytearray", "array.array", "mmap.mmap") and node.args:
        return number(node.args[-1], function) or 0
    elif isinstance(node, ast.ListComp | ast.DictComp):
        turns = node.generators[0].iter
        if isinstance(turns, ast.Call) and text(turns.func) == "range" and turns.args:
            return (number(turns.args[-1], function) or 0) * (56 if isinstance(node, ast.ListComp) else 150)
    return 0.0


def project(project: Project) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "kept_within":
                yield from growth.kept_within(hint, seen)
            else:
                yield from _told(project, hint)
        for store in function.stores:
            yield from growth.growth(project, store, seen)
        for call in function.calls:
            yield from whole.bodies(call, function)
            yield from growth.queues(project, call, seen)
            yield from _loaded(project, call, function)
            if call.method in ("addHandler", "addFilter") and call.node is not None and growth.per_call(function):
                yield found(function, call.line, "registry", "6.5", name=call.receiver, kind="handlers")


_POINTS = {
    "concat": "6.4",
    "list_concat": "6.4",
    "list_for_nothing": "6.3",
    "whole_file": "6.1",
    "whole_files": "6.1",
    "whole_download": "6.1",
    "weight": "6.6",
    "method_cache": "6.5",
    "endless_cache": "6.2",
}


def _told(_project: Project, hint: Hint) -> Iterator[Finding]:
    point = _POINTS.get(hint.rule)
    if point is None:
        return
    severity = {
        "whole_files": Severity.CRITICAL,
        "weight": Severity.CRITICAL,
        "list_for_nothing": Severity.MINOR,
    }.get(hint.rule, Severity.IMPORTANT)
    yield found(hint.function, hint.line, hint.rule, point, severity=severity, facts=hint.facts)


def _same_path(path: ast.expr | None, function: Function) -> bool:
    """Whether each object reads the same file: a fixed one, or a parameter's default."""
    return fixed(path, function) or (isinstance(path, ast.Name) and path.id in function.defaults)


def _loaded(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    """A file loaded into each of many objects of one class."""
    if (
        function.name != "__init__"
        or function.owner is None
        or call.name not in ("json.load", "pickle.load", "json.loads")
    ):
        return
    if (
        project.build_counts.get(function.owner.name)
        and call.use == model.USE_ASSIGNED
        and call.target.startswith("self.")
        and any(
            other.node is not None and other.effects & fx.READ and _same_path(path_of(other), function)
            for other in function.calls
        )
    ):
        yield found(function, call.line, "weight", "6.6", call=f"{call.target} = {call.name}(…)", bytes="")
