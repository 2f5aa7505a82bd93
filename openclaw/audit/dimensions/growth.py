"""What grows and is kept: containers without an end, registries, queues without a bound. A part of dimension 6."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Store
from openclaw.audit.places import is_counted
from openclaw.audit.syntax import FUNCTIONS, argument, calls, constant, source, text, walk
from openclaw.audit.values import definition

_CONTAINERS = ("list", "dict", "set", "deque", "bytearray")
_GROWS = frozenset({"append", "appendleft", "add", "extend", "insert", "[]=", "+=", "update", "push"})
_REGISTERS = re.compile(
    r"^(_?register\w*|subscribe\w*|add_(handler|route|listener|hook|plugin|source|observer)\w*|route|use|on|configure\w*|_?load\w*|setup|start|open|connect|__init__|__enter__|reload|_?init\w*|_?scan|install)$"
)
_BEGINS = frozenset({"start", "open", "connect"})
"""What is done once for a service, or again and again for each of its many: who calls it decides."""
_LISTENS = re.compile(r"^_?(listener|callback|handler|hook|observer|plugin|route|sink|subscriber|cb|fn|func)$")
"""What an object is given once for each of its few users."""
_KEYS = re.compile(
    r"time|uuid|id\b|_id|request|path|url|token|addr|client|task|msg|message|query|session|key|prompt|digest|hash|text|event|sha|line|ticket|job|nonce|conv|header|deliver",
    re.IGNORECASE,
)


def per_call(function: Function) -> bool:
    """Whether a function makes something for each of many: it takes a name or an id, or is hot."""
    if function.heat & model.REPEATED:
        return True
    return bool(function.heat & model.ENTRY) and not re.search(r"setup|configure|init|basic|install", function.name)


def registers(function: Function) -> bool:
    """Whether a function's name says that it adds one of a few things that the service is set up with."""
    return _REGISTERS.match(function.name) is not None and not any(_EACH.match(param) for param in function.params)


_EACH = re.compile(r"^(session|request|req|task|job|message|msg|conn|connection|client|user)(_?id)?$")
"""Parameters of which there is no end while a service runs."""


def growth(project: Project, store: Store, seen: set[tuple[str, int]]) -> Iterator[Finding]:
    function = store.function
    if store.how not in _GROWS or store.place & model.IN_LAMBDA:
        return
    where = _long_lived(project, store)
    if where is None:
        return
    kind, shared = where
    again = function.heat & (model.HANDLER | model.ITEM | model.CYCLE) and function.name in _BEGINS
    if function.name in ("<module>", "main") or (registers(function) and not again):
        itself = function.name == "__init__" and shared and text(store.value) == "self"
        if not itself and not (store.loop is not None and store.loop.within_endless()):
            return
    if not shared and _LISTENS.match(text(store.value)) and text(store.value) in function.params:
        return
    if store.how == "+=" and kind not in ("list", "bytearray"):
        return
    if store.how == "update" and kind == "dict" and (not shared or isinstance(store.value, ast.Call)):
        return
    if store.loop is not None and any(is_counted(loop) or _few(loop, store) for loop in store.loop.chain()):
        return
    key = (function.module.path, store.line)
    if key in seen:
        return
    points = _points(store, kind, shared)
    if not points:
        return
    seen.add(key)
    hot = bool(function.heat & (model.REPEATED | model.ENTRY | model.CONCURRENT))
    yield found(
        function,
        store.line,
        "registry" if points[0] == "6.5" else "growth",
        *points,
        severity=Severity.CRITICAL if hot and points[0] == "6.2" else Severity.IMPORTANT,
        name=store.owner,
        kind=kind,
    )


def _few(loop: Loop, store: Store) -> bool:
    """Whether the keys come from what is written out in the module: there are no more of them."""
    key = text(store.key)
    given = definition(loop.iterable, store.function) if isinstance(loop.iterable, ast.Name | ast.Attribute) else None
    return bool(key) and key in loop.targets and isinstance(given, ast.List | ast.Tuple | ast.Set | ast.Dict)


def _points(store: Store, kind: str, shared: bool) -> list[str]:
    value = text(store.value)
    retained = value == "self" or re.search(
        r"thread|worker|exc|error|callback|handler|frame|conn|sock|request",
        value or source(store.value, 60),
        re.IGNORECASE,
    )
    if (
        retained
        and store.how in ("append", "add", "appendleft")
        and (
            shared
            or value == "self"
            or re.search(r"thread|worker", value.lower())
            or value in ("t", "exc", "e", "error", "err")
        )
    ):
        return ["6.5", "6.2"]
    if kind == "dict":
        if store.key is None and store.how == "[]=":
            return []
        if store.how in ("append", "add", "extend", "+="):
            return ["6.2"]
        if store.key is not None and (constant(store.key) is not None or store.how == "+=" or _counts(store.value)):
            return []
        return ["6.2"] if _KEYS.search(source(store.key)) or store.key is None else []
    if store.how == "[]=":
        return []
    return ["6.2"]


def _counts(value: ast.expr | None) -> bool:
    """`counts.get(key, 0) + 1`: a number for each key, and the keys are few."""
    return isinstance(value, ast.BinOp) and any(
        text(call.func).endswith(".get") and len(call.args) > 1 and constant(call.args[1]) == 0 for call in calls(value)
    )


def _long_lived(project: Project, store: Store) -> tuple[str, bool] | None:
    """(kind, whether of a class or a module) of a container that outlives the function and only grows."""
    function, owner = store.function, store.owner
    head, _, rest = owner.partition(".")
    if head in ("self", "cls") and rest and "." not in rest:
        cls = function.owner or (function.outer.owner if function.outer is not None else None)
        if cls is None or rest in cls.evicted or rest in function.module.evicted:
            return None
        if any(
            parent is not None and rest in parent.evicted
            for base in cls.bases
            for parent in [project.find_class(cls.module, base)]
        ):
            return None
        kind = cls.attributes.get(rest, "")
        if rest in cls.closed or owner in function.handed or (project.is_passing(cls) and rest not in cls.shared):
            return None
        if _handler_instance(project, function):
            return (kind, True) if rest in cls.shared and kind in _CONTAINERS else None
        return (kind, rest in cls.shared) if kind in _CONTAINERS else None
    if rest and "." not in rest and head in function.module.classes:
        cls = function.module.classes[head]
        kind = cls.attributes.get(rest, "")
        return (
            (kind, True)
            if kind in _CONTAINERS and rest not in cls.evicted and rest not in function.module.evicted
            else None
        )
    if rest:
        return None
    if isinstance(default := function.defaults.get(head), ast.List | ast.Dict) and head not in function.values:
        return ("list" if isinstance(default, ast.List) else "dict"), True  # one for all calls
    if head in function.types or head in function.values or head in function.params:
        return _local_growth(store)
    kind = function.module.types.get(head, "")
    if kind in _CONTAINERS and head not in function.module.evicted:
        return kind, True
    return None


def lasting(function: Function) -> Iterator[Hint]:
    """Lists that outlive a function though their names do not: a mapping's, or a closure's that is given back."""
    for store in function.stores:
        if store.how in _ADDS and (held := _held(store)):
            yield Hint("kept_within", store.line, function, store.loop, {"name": store.owner, "held": held})
    outer = function.outer
    if outer is None or not _given_back(outer):
        return
    for store in function.stores:
        own = store.owner in function.types or store.owner in function.params or store.owner in function.values
        if store.how in _ADDS and not own and outer.types.get(store.owner) in _CONTAINERS:
            yield Hint("kept_within", store.line, function, store.loop, {"name": store.owner, "held": store.owner})


_ADDS = ("append", "add", "extend", "appendleft")


def _held(store: Store) -> str:
    """The lasting mapping that a local name is an entry of: `entry = self.table.setdefault(key, …)`."""
    function = store.function
    given = function.values.get(store.owner)
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and given.func.attr == "setdefault":
        held = text(given.func.value)
    elif isinstance(given, ast.Subscript) and not isinstance(given.slice, ast.Slice):
        held = text(given.value)
    else:
        return ""
    head, _, rest = held.partition(".")
    if head == "self" and function.owner is not None:
        return held if function.owner.attributes.get(rest) == "dict" else ""
    return held if function.module.types.get(held) == "dict" and held not in function.types else ""


def _given_back(function: Function) -> bool:
    """Whether a function gives back a function of its own, or several in a tuple or a mapping."""
    if not isinstance(function.node, FUNCTIONS):
        return False
    inner = {node.name for node in function.node.body if isinstance(node, FUNCTIONS)}
    for node in walk(function.node):
        value = node.value if isinstance(node, ast.Return) else None
        parts = (
            value.elts if isinstance(value, ast.Tuple) else value.values if isinstance(value, ast.Dict) else [value]
        )
        if any(isinstance(part, ast.Name) and part.id in inner for part in parts):
            return True
    return False


def kept_within(hint: Hint, seen: set[tuple[str, int]]) -> Iterator[Finding]:
    """What `lasting` saw, where nothing in the module takes away from it."""
    function, name = hint.function, hint.facts["name"]
    held = hint.facts["held"].rpartition(".")[2]
    evicted = function.module.evicted | (function.owner.evicted if function.owner is not None else set())
    if {name, held} & evicted or registers(function) or (function.module.path, hint.line) in seen:
        return
    if hint.loop is not None and any(is_counted(loop) for loop in hint.loop.chain()):
        return
    seen.add((function.module.path, hint.line))
    yield found(function, hint.line, "growth", "6.2", severity=Severity.IMPORTANT, name=name, kind="list")


def _handler_instance(project: Project, function: Function) -> bool:
    return function.owner is not None and any(base.endswith("RequestHandler") for base in project.bases(function.owner))


_SERVES = re.compile(r"^(True|1)$|running|stop|alive|active|is_set|shutdown|wait")
"""Tests of loops that run as long as the service does."""


def _local_growth(store: Store) -> tuple[str, bool] | None:
    """A local container that is made before a loop without end and filled within it."""
    function = store.function
    if store.loop is None:
        return None
    around = [
        loop
        for loop in store.loop.chain()
        if loop.endless and loop.kind == "while" and _SERVES.search(source(loop.test))
    ]
    if not around or store.owner in function.module.evicted or around[-1].leaves or function.yields:
        return None
    outer = around[-1]
    if store.owner in outer.assigned and store.how != "+=":
        return None
    kind = function.types.get(store.owner, "")
    return (kind, False) if kind in _CONTAINERS else None


_TAKES_IN = re.compile(r"^(submit|enqueue|publish|emit|send|post|put|push|dispatch|schedule)(_|$)")


def queues(project: Project, call: Call, seen: set[tuple[str, int]]) -> Iterator[Finding]:
    """A queue without a bound that request handlers fill."""
    node = call.node
    if node is None or call.name not in ("queue.Queue", "queue.SimpleQueue", "queue.LifoQueue", "queue.PriorityQueue"):
        return
    limit = argument(node, 0, "maxsize")
    if limit is not None and constant(limit) != 0:
        return
    owner = call.target
    if not owner or (call.function.module.path, call.line) in seen:
        return
    fed = any(
        store.owner.rpartition(".")[2] == owner.rpartition(".")[2]
        and store.how in ("put", "put_nowait")
        and (store.function.heat & (model.HANDLER | model.ENTRY | model.CYCLE) or _TAKES_IN.match(store.function.name))
        for function in call.function.module.functions
        for store in function.stores
    )
    if fed:
        seen.add((call.function.module.path, call.line))
        yield found(call.function, call.line, "queue_unbounded", "6.2", call=source(node))
