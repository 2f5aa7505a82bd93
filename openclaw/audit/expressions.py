"""Expressions of a body, read once: calls, comprehensions, and what they say of containers and handles.

The half of `scan` that knows no statements.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from openclaw.audit import model
from openclaw.audit.effects import BY_CALL, CPU, FLUSH, OPENERS, READ, WRITE
from openclaw.audit.guards import sides
from openclaw.audit.methods import ADDS, CLOSES, EVICTS, PLAIN_METHODS
from openclaw.audit.model import Call, Class, Function, Lock, Loop, Module, Store
from openclaw.audit.syntax import argument, children, constant, names, root, text, walk
from openclaw.audit.typer import Typer

_SKIPPED = (ast.Constant, ast.Name)
_KEPT = frozenset(
    [
        "wait",
        "join",
        "result",
        "communicate",
        "read",
        "readlines",
        "readline",
        "acquire",
        "get",
        "put",
        "recv",
        "send",
        "poll",
        "connect",
        "execute",
    ]
)


class Expressions:
    """Fills one `Function` with what its expressions do. For one body, on one thread."""

    def __init__(self, module: Module, typer: Typer, function: Function) -> None:
        self._module = module
        self._typer = typer
        self._function = function
        self._loop: Loop | None = None
        self._lock: Lock | None = None
        self._place = 0
        self._taken: set[str] = set()  # attributes of self that something was taken out of

    def _expression(self, node: ast.AST, use: str, target: str = "") -> None:
        kind = type(node)
        if kind in _SKIPPED:
            return
        if kind is ast.Call:
            self._call(node, use, target)  # type: ignore[arg-type]  # the exact class was just compared
        elif kind is ast.Await:
            self._await(node, use, target)  # type: ignore[arg-type]  # as above
        elif kind is ast.IfExp or kind is ast.BoolOp:
            self._children(node, use, target)
        elif kind is ast.Tuple or kind is ast.List or kind is ast.Starred or kind is ast.Dict:
            self._children(node, use if use == model.USE_RETURNED else model.USE_OTHER)
        elif (handler := _EXPRESSIONS.get(kind)) is not None:
            handler(self, node)
        else:
            self._children(node, model.USE_OTHER)

    def _await(self, node: ast.Await, use: str, target: str) -> None:
        before = len(self._function.calls)
        self._children(node, use, target)
        for call in self._function.calls[before:]:
            call.awaited |= call.node is node.value

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        self._function.yields = True
        self._children(node, model.USE_RETURNED)

    def _named(self, node: ast.NamedExpr) -> None:
        self._bind(node.target.id, node.lineno)
        self._expression(node.value, model.USE_ASSIGNED, node.target.id)

    def _children(self, node: ast.AST, use: str, target: str = "") -> None:
        for child in children(node):
            if type(child) not in _SKIPPED:
                self._expression(child, use, target)

    def _call(self, node: ast.Call, use: str, target: str) -> None:
        function = self._function
        name = self._typer.name(node.func, function)
        receiver = ""
        if isinstance(node.func, ast.Attribute):
            receiver = text(node.func.value)
            self._method(node, node.func, receiver)
            if type(node.func.value) not in _SKIPPED:
                self._expression(node.func.value, model.USE_CHAINED, node.func.attr)
        elif not isinstance(node.func, ast.Name):
            self._expression(node.func, model.USE_CHAINED)
        self._record(node, name, use, target, receiver)
        own = name.startswith((f"{self._module.name}.", "?.")) and name.rpartition(".")[2] not in PLAIN_METHODS
        for argument_ in node.args:
            if own and type(argument_) is ast.Attribute:
                function.handed.add(text(argument_))
            if type(argument_) not in _SKIPPED:
                self._expression(argument_, model.USE_ARGUMENT, name)
        for keyword in node.keywords:
            if type(keyword.value) not in _SKIPPED:
                self._expression(keyword.value, model.USE_ARGUMENT, name)

    def _record(self, node: ast.Call, name: str, use: str, target: str, receiver: str) -> None:
        if (
            name.startswith("?.")
            and name[2:] in PLAIN_METHODS
            and name[2:] not in _KEPT
            and name[2:] not in self._module.methods
            and not (name in ("?.pop", "?.insert") and node.args and constant(node.args[0]) == 0)
        ):
            return
        if name == "os.path.getmtime" or name.endswith(".stat"):
            self._function.uses_mtime = True
        if name == "socket.setdefaulttimeout":
            self._module.default_timeout = True
        call = Call(
            self._function, node.lineno, name, node, use, target, self._loop, self._lock, self._place, receiver=receiver
        )
        call.effects = _opened(node, name) if name in OPENERS else BY_CALL.get(name, 0)
        if name == "builtins.print" and _flushes(node):
            call.effects |= FLUSH
            call.receiver = text(argument(node, None, "file"))
        self._function.calls.append(call)

    def _method(self, node: ast.Call, called: ast.Attribute, receiver: str) -> None:
        """What a method call says of the container or the handle that it is called on."""
        attribute = called.attr
        if attribute == "setdefault" and len(node.args) > 1:
            self._store(node.lineno, receiver, "[]=", node.args[1], node.args[0])
        elif attribute in ADDS:
            owner = receiver or root(called.value)
            if owner:
                value = node.args[-1] if node.args else None
                key = node.args[0] if attribute == "insert" and node.args else None
                self._store(node.lineno, owner, attribute, value, key)
        elif attribute in EVICTS or (attribute == "get" and not node.args):
            self._evicted(receiver or root(called.value))
        elif attribute in CLOSES:
            self._closed(receiver or root(called.value))

    def _closed(self, owner: str) -> None:
        cls = self._function.owner
        if cls is None or not owner:
            return
        if owner.startswith("self."):
            cls.closed.add(owner.split(".")[1])
        else:
            cls.closed.update(self._taken)
        for loop in self._loop.chain() if self._loop is not None else ():
            if owner in loop.targets:
                cls.closed.update(
                    found.attr
                    for found in walk(loop.iterable or ast.Constant(None))
                    if isinstance(found, ast.Attribute) and text(found.value) == "self"
                )

    def _evicted(self, owner: str) -> None:
        if owner and "." not in owner:
            for held in self._origins(owner):
                self._evicted(held)
        if owner.startswith(("self.", "cls.")) and self._function.owner is not None:
            self._function.owner.evicted.add(owner.split(".")[1])
            self._taken.add(owner.split(".")[1])
        elif owner:
            self._module.evicted.add(owner)
            self._module.evicted.add(owner.rpartition(".")[2])

    def _origins(self, name: str) -> Iterator[str]:
        """The containers of self that a local name is an element of: `for x in self.a.values()`, `x = self.a[k]`."""
        given = [
            loop.iterable for loop in (self._loop.chain() if self._loop is not None else ()) if name in loop.targets
        ]
        for node in [*given, self._function.values.get(name)]:
            found = root(node)
            if found.startswith("self."):
                yield found

    def _store(self, line: int, owner: str, how: str, value: ast.expr | None, key: ast.expr | None) -> None:
        self._function.stores.append(Store(self._function, line, owner, how, value, key, self._loop, self._place))

    def _bind(self, name: str, line: int) -> None:
        if self._loop is not None:
            self._loop.assigned[name] = line

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        outer, place = self._loop, self._place
        for number, generator in enumerate(node.generators):
            self._place = place | (model.IN_HEADER if not number else 0)
            self._expression(generator.iter, model.USE_ITERATED)
            self._place = place
            loop = Loop("comp", node.lineno, self._loop, self._function, node, iterable=generator.iter)
            loop.targets = frozenset(names(generator.target))
            loop.end = node.end_lineno or node.lineno
            self._function.loops.append(loop)
            self._loop = loop
            for test in generator.ifs:
                self._expression(test, model.USE_TESTED)
        if isinstance(node, ast.DictComp):
            self._expression(node.key, model.USE_OTHER)
            self._expression(node.value, model.USE_OTHER)
        else:
            self._expression(node.elt, model.USE_OTHER)
        self._loop, self._place = outer, place

    def _lambda(self, node: ast.Lambda) -> None:
        loop, place, lock = self._loop, self._place, self._lock
        self._loop, self._lock = None, None
        self._place = model.IN_LAMBDA
        self._expression(node.body, model.USE_RETURNED)
        self._loop, self._place, self._lock = loop, place, lock

    def _attribute(self, node: ast.Attribute) -> None:
        if node.attr in ("st_mtime", "st_mtime_ns"):
            self._function.uses_mtime = True
        if type(node.value) is not ast.Name:
            self._expression(node.value, model.USE_CHAINED, node.attr)
        cls = self._typer.class_of(self._typer.of(node.value, self._function)) if self._module.classes else None
        if cls is not None and (node.attr in cls.properties or _elsewhere(cls, node.attr)):
            name = f"{self._module.name}.{cls.name}.{node.attr}"
            call = Call(
                self._function,
                node.lineno,
                name,
                None,
                model.USE_OTHER,
                "",
                self._loop,
                self._lock,
                self._place | model.AS_ATTRIBUTE,
                receiver=text(node.value),
            )
            self._function.calls.append(call)

    def _subscript(self, node: ast.Subscript) -> None:
        """`[x for x in xs if …][0]` and `list(filter(…))[0]` are kept as stores of their own: a list for one item."""
        if isinstance(node.slice, ast.Constant) and node.slice.value == 0:
            value = node.value
            listed = isinstance(value, ast.ListComp) or (
                isinstance(value, ast.Call)
                and text(value.func) == "list"
                and value.args
                and isinstance(value.args[0], ast.Call)
                and text(value.args[0].func) in ("filter", "map")
            )
            if listed:
                self._store(node.lineno, "", "[0]", value, None)
        cls = None
        subscripted = any("__getitem__" in found.methods for found in self._module.classes.values())
        if subscripted and isinstance(node.ctx, ast.Load):
            cls = self._typer.class_of(self._typer.of(node.value, self._function))
        if cls is not None and "__getitem__" in cls.methods:
            self._function.calls.append(
                Call(
                    self._function,
                    node.lineno,
                    f"{self._module.name}.{cls.name}.__getitem__",
                    None,
                    model.USE_OTHER,
                    "",
                    self._loop,
                    self._lock,
                    self._place | model.AS_ATTRIBUTE,
                    receiver=text(node.value),
                )
            )
        self._children(node, model.USE_OTHER)

    def _compare(self, node: ast.Compare) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                owner = text(right)
                listed = isinstance(right, ast.Call) and (
                    text(right.func) == "list" or getattr(right.func, "attr", "") == "values"
                )
                if owner or listed or isinstance(right, ast.ListComp):
                    self._store(node.lineno, owner, "in", right, node.left)
            elif isinstance(node.left, ast.Call) and text(node.left.func) == "len" and node.left.args:
                if isinstance(operator, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
                    self._measured(root(node.left.args[0]))
            elif isinstance(operator, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
                self._function.compared.update(side.id for side in sides(node) if isinstance(side, ast.Name))
        self._expression(node.left, model.USE_TESTED)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            self._expression(right, model.USE_TESTED, "in" if isinstance(operator, ast.In | ast.NotIn) else "")

    def _measured(self, owner: str) -> None:
        """A container whose length is compared is taken to be bounded, unless by a mere loop over it."""
        if owner.startswith("self.") and self._function.owner is not None:
            self._function.owner.evicted.add(owner.split(".")[1])
        elif owner:
            self._module.evicted.add(owner)


def _elsewhere(cls: Class, attribute: str) -> bool:
    """Whether an attribute is none of the class's own: it may be a property of a base of another module."""
    return bool(cls.bases) and attribute not in cls.methods and attribute not in cls.attributes | cls.values.keys()


def _flushes(node: ast.Call) -> bool:
    """`print(…, file=file, flush=True)`: a line of a file, at once."""
    flush = argument(node, None, "flush")
    return argument(node, None, "file") is not None and isinstance(flush, ast.Constant) and flush.value is True


def _opened(node: ast.Call, name: str) -> int:
    """Effects of opening a file, by the mode; packed files cost the processor too."""
    mode = constant(argument(node, 0 if name == "pathlib.Path.open" else 1, "mode"))
    bits = CPU if name in ("gzip.open", "bz2.open", "lzma.open") else 0
    if not isinstance(mode, str):
        return bits | READ
    return bits | (WRITE if set(mode) & set("wax+") else READ)


_EXPRESSIONS: dict[type[ast.AST], Callable[[Expressions, ast.AST], None]] = {
    ast.ListComp: Expressions._comprehension,  # type: ignore[dict-item]  # each is called with its own class of expression
    ast.SetComp: Expressions._comprehension,  # type: ignore[dict-item]
    ast.GeneratorExp: Expressions._comprehension,  # type: ignore[dict-item]
    ast.DictComp: Expressions._comprehension,  # type: ignore[dict-item]
    ast.Lambda: Expressions._lambda,  # type: ignore[dict-item]
    ast.Attribute: Expressions._attribute,  # type: ignore[dict-item]
    ast.Subscript: Expressions._subscript,  # type: ignore[dict-item]
    ast.Compare: Expressions._compare,  # type: ignore[dict-item]
    ast.Yield: Expressions._yield,  # type: ignore[dict-item]
    ast.YieldFrom: Expressions._yield,  # type: ignore[dict-item]
    ast.NamedExpr: Expressions._named,  # type: ignore[dict-item]
}
