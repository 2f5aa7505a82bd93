"""Dimension 6, memory: whole files read, containers that only grow, strings built by `+=`, objects kept alive."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module, Store
from openclaw.audit.places import is_counted, is_short, mode_of, path_text
from openclaw.audit.syntax import FUNCTIONS, argument, calls, constant, names, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import CONFIG, definition, number

LARGE = 1_000_000
"""Bytes per object from which a hundred of them matter."""

_SMALL = re.compile(
    r"/proc|/sys/|pid\b|\.pid|version|token|secret|key\b|lock|state|status|meta|magic|header|schema|templ|index\.json|"
    r"manifest|\.json\b|marker|cursor|offset|stamp|etag|uptime|loadavg|meminfo|cgroup|hostname|/etc/",
    re.IGNORECASE,
)
_BIG = re.compile(
    r"\blogs?\b|\.log|log_|_log|archive|dump|export|\bdata\b|blob|history|journal|jsonl|\.csv|backup|upload|attach|"
    r"transcript|records?|event|report|trace|audit|metrics|body|payload|artifact|output|ndjson|access",
    re.IGNORECASE,
)
_CONTAINERS = ("list", "dict", "set", "deque", "bytearray")
_GROWS = frozenset({"append", "appendleft", "add", "extend", "insert", "[]=", "+=", "update", "push"})
_REGISTERS = re.compile(
    r"^(_?register\w*|subscribe\w*|add_(handler|route|listener|hook|plugin|source|observer)\w*|route|use|on|configure\w*|_?load\w*|setup|_?build\w*|start|open|connect|__init__|__enter__|reload|_?init\w*|_?scan|parse\w*|include|install)$"
)
_THROUGH = frozenset({"sum", "any", "all", "max", "min", "set", "frozenset", "dict", "tuple", "sorted"})
_KEYS = re.compile(
    r"time|uuid|id\b|_id|request|path|url|token|addr|client|task|msg|message|query|session|key|prompt|digest|hash|text|event|sha|line",
    re.IGNORECASE,
)


def local(_module: Module, typer: Typer, function: Function) -> Iterator[Hint]:
    for store in function.stores:
        if store.how == "[0]":
            yield Hint("list_for_nothing", store.line, function, store.loop, {"call": f"{source(store.value)}[0]"})
        elif store.loop is not None and store.how in ("+=", "x=x+"):
            yield from _concatenation(typer, function, store)
    for call in function.calls:
        if call.node is not None:
            yield from _generator(call, function)
            yield from _download(call, function)
            if call.method in ("read", "readlines", "list", "read_text", "read_bytes", "sorted"):
                yield from _whole(typer, call, function)
    for loop in function.loops:
        if loop.kind == "comp" and isinstance(loop.node, ast.ListComp | ast.DictComp):
            yield from _all_contents(loop, typer, function)
    if function.name == "__init__":
        yield from _weights(function)
    yield from _caches(function)


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
    kind = _kind(store.owner, typer, function)
    if kind not in ("str", "bytes", "list") and kind not in ("", "dict"):
        return
    value = typer.of(store.value, function)
    if store.how == "x=x+" and (kind == "list" or value == "list"):
        yield Hint("list_concat", store.line, function, store.loop, {"name": store.owner})
        return
    if kind in ("str", "bytes") or (kind == "" and value in ("str", "bytes")):
        if value in ("int", "float") or _reset(store, function):
            return
        yield Hint("concat", store.line, function, store.loop, {"name": store.owner, "kind": kind or value})


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
    return typer.of(node, function)


def _download(call: Call, function: Function) -> Iterator[Hint]:
    """`file.write(reply.content)`: the whole answer was in memory."""
    given = call.node.args[-1] if call.node is not None and call.node.args else None
    if (
        call.method in ("write", "sha256", "update", "write_bytes")
        and isinstance(given, ast.Attribute)
        and given.attr == "content"
    ):
        yield Hint("whole_download", call.line, function, call.loop, {"call": source(call.node)})


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


def _whole(typer: Typer, call: Call, function: Function) -> Iterator[Hint]:
    """A file read whole, where it may be large: by how it is opened, by its name, or by what is done with it."""
    if function.name == "<module>":
        return
    node = call.node
    assert node is not None
    facts = {"call": source(node), "path": ""}
    if call.name in ("builtins.list", "builtins.sorted") and node.args:
        kind = typer.of(node.args[0], function)
        if kind in ("csv.reader", "file", "binary"):
            yield Hint("whole_file", call.line, function, call.loop, facts)
        return
    opened, binary = _opened_by(call, typer, function)
    words = f"{opened} {function.name} {call.receiver} {function.owner.name if function.owner else ''}"
    if call.method == "readlines":
        if not CONFIG.search(opened) and not _SMALL.search(opened):
            yield Hint("whole_file", call.line, function, call.loop, facts)
        return
    if call.method == "read" and (
        node.args or node.keywords or (not opened and not call.name.startswith(("file.", "binary.")))
    ):
        return
    if call.method not in ("read", "read_text", "read_bytes"):
        return
    if CONFIG.search(opened) or _SMALL.search(opened) or _parsed(call):
        return
    if binary or _BIG.search(words) or _taken_apart(call, function):
        facts["path"] = opened[:80]
        yield Hint("whole_file", call.line, function, call.loop, facts)


def _parsed(call: Call) -> bool:
    """Whether the content goes straight into a parser: one record, not a stream."""
    return call.use == model.USE_ARGUMENT and call.target.endswith(
        (".loads", "int", "float", ".fromstring", ".safe_load")
    )


def _taken_apart(call: Call, function: Function) -> bool:
    """Whether the content is then gone through line by line, searched or counted."""
    if call.use == model.USE_CHAINED:
        return call.target in ("splitlines", "split", "count")
    if call.use == model.USE_ASSIGNED and call.target:
        return any(
            other.receiver == call.target and other.method in ("splitlines", "split", "count")
            for other in function.calls
        ) or (
            function.node is not None
            and any(
                text(found.func) in (f"{call.target}.splitlines", f"{call.target}.split", f"{call.target}.count")
                for found in calls(function.node)
            )
        )
    return False


def _opened_by(call: Call, typer: Typer, function: Function) -> tuple[str, bool]:
    """(the text of the path, whether binary) of the file that is read."""
    if call.name.startswith("pathlib.Path."):
        return path_text(call), call.method == "read_bytes"
    if call.node is None or not isinstance(call.node.func, ast.Attribute):
        return "", False
    held = call.node.func.value
    if isinstance(held, ast.Call):
        for other in function.calls:
            if other.node is held and other.name in fx.OPENERS:
                return path_text(other), "b" in mode_of(other) or other.name in ("gzip.open", "bz2.open")
        return "", False
    name = text(held)
    for other in function.calls:
        if other.name in fx.OPENERS and other.target == name and other.line <= call.line:
            return path_text(other), "b" in mode_of(other) or (
                other.name in ("gzip.open", "bz2.open") and "t" not in mode_of(other)
            )
    return "", typer.of(held, function) == "binary"


def _all_contents(loop: Loop, typer: Typer, function: Function) -> Iterator[Hint]:
    """A comprehension that keeps the contents of all files it goes over."""
    node = loop.node
    assert isinstance(node, ast.ListComp | ast.DictComp)
    value = node.value if isinstance(node, ast.DictComp) else node.elt
    for call in calls(value):
        name = typer.name(call.func, function)
        if (
            name.rpartition(".")[2] in ("read", "read_text", "read_bytes")
            and not call.args
            and call is value
            and isinstance(call.func, ast.Attribute)
            and not CONFIG.search(source(loop.iterable))
        ):
            yield Hint("whole_files", node.lineno, function, loop, {"call": source(node)})
            return
    if (
        loop.iterable is not None
        and typer.of(loop.iterable, function) in ("file", "binary", "csv.reader")
        and isinstance(node, ast.ListComp)
        and not _small_source(loop, function)
    ):
        yield Hint("whole_file", node.lineno, function, loop, {"call": source(node), "path": ""})


def _small_source(loop: Loop, function: Function) -> bool:
    """Whether a loop goes over a file of settings."""
    opened = [call for call in function.calls if call.name in fx.OPENERS and call.target in ("", text(loop.iterable))]
    return any(CONFIG.search(path_text(call)) for call in opened)


def _weights(function: Function) -> Iterator[Hint]:
    """Large buffers that each object makes for itself."""
    assert isinstance(function.node, FUNCTIONS)
    for node in ast.walk(function.node):
        if isinstance(node, ast.expr) and (size := _size(node, function)) >= LARGE:
            yield Hint("weight", node.lineno, function, None, {"call": source(node), "bytes": f"{size:.0f}"})
            return


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
            yield from _told(project, hint)
        for store in function.stores:
            yield from _growth(project, store, seen)
        for call in function.calls:
            yield from _bodies(call, function)
            yield from _queues(project, call, seen)
            yield from _loaded(project, call, function)
            if call.method in ("addHandler", "addFilter") and call.node is not None and _per_call(function):
                yield found(function, call.line, "registry", "6.5", name=call.receiver, kind="handlers")


def _per_call(function: Function) -> bool:
    """Whether a function makes something for each of many: it takes a name or an id, or is hot."""
    if function.heat & model.REPEATED:
        return True
    return bool(function.heat & model.ENTRY) and not re.search(r"setup|configure|init|basic|install", function.name)


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


def _growth(project: Project, store: Store, seen: set[tuple[str, int]]) -> Iterator[Finding]:
    function = store.function
    if store.how not in _GROWS or store.place & model.IN_LAMBDA:
        return
    where = _long_lived(project, store)
    if where is None:
        return
    kind, shared = where
    if function.name in ("<module>", "main") or _REGISTERS.match(function.name):
        itself = function.name == "__init__" and shared and text(store.value) == "self"
        if not itself and not (store.loop is not None and store.loop.within_endless()):
            return
    if store.how == "+=" and kind not in ("list", "bytearray"):
        return
    if store.how == "update" and kind == "dict" and not shared:
        return
    if store.loop is not None and any(is_counted(loop) for loop in store.loop.chain()):
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
        if rest in cls.closed or (project.is_passing(cls) and rest not in cls.shared):
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
    if head in function.types or head in function.values or head in function.params:
        return _local_growth(store)
    kind = function.module.types.get(head, "")
    if kind in _CONTAINERS and head not in function.module.evicted:
        return kind, True
    return None


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


def _bodies(call: Call, function: Function) -> Iterator[Finding]:
    """A request's body, or a download, taken whole whatever its size."""
    node = call.node
    if node is None:
        return
    if call.method == "read" and call.receiver == "self.rfile" and not call.place & model.IN_LAMBDA:
        given = node.args[0] if node.args else None
        if given is None or not _checked(given, function):
            yield found(function, call.line, "whole_body", "6.1", call=source(node))


def _checked(given: ast.expr, function: Function) -> bool:
    """Whether a length is compared with something, or cut by min(), in the function."""
    if isinstance(given, ast.Constant):
        return True
    value = definition(given, function) if isinstance(given, ast.Name) else given
    if value is not None and any(text(call.func) == "min" for call in calls(value)):
        return True
    return isinstance(given, ast.Name) and given.id in function.compared


def _queues(project: Project, call: Call, seen: set[tuple[str, int]]) -> Iterator[Finding]:
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
        and store.function.heat & (model.HANDLER | model.ENTRY | model.CYCLE)
        for function in call.function.module.functions
        for store in function.stores
    )
    if fed:
        seen.add((call.function.module.path, call.line))
        yield found(call.function, call.line, "queue_unbounded", "6.2", call=source(node))


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
    ):
        yield found(function, call.line, "weight", "6.6", call=f"{call.target} = {call.name}(…)", bytes="")
