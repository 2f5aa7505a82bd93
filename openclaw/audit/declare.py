"""What a file declares: imports, constants, functions, classes and the types of their attributes.

The first of two passes over a file's tree; it looks at statements only, so that `scan` knows every name it meets.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from openclaw.audit.model import Class, Function, Module
from openclaw.audit.syntax import FUNCTIONS, constant, statements, text
from openclaw.audit.typer import Typer

_INIT = "__init__"


class Declarations:
    """Fills a `Module` from its tree. For one file, on one thread."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._typer = Typer(module)
        self._classes: list[tuple[Class, ast.ClassDef]] = []

    def read(self, tree: ast.Module) -> None:
        module = self._module
        top = Function(module, "<module>", "<module>", 1, node=tree, end=module.lines)
        module.functions.append(top)
        for statement in statements(tree.body):
            self._import(statement)
        self._define(tree.body, None, None)
        for cls, node in self._classes:
            cls.bases = tuple(self._typer.name(base, top) for base in node.bases)
        for statement in statements(tree.body):
            self._constant(statement, top)
        top.types = module.types
        top.values = module.values
        for function in module.functions[1:]:
            self._locals(function)
        for cls, node in self._classes:
            self._attributes(cls, node, top)

    def _import(self, node: ast.stmt) -> None:
        imports = self._module.imports
        if isinstance(node, ast.Import):
            for alias in node.names:
                head = alias.name.partition(".")[0]
                imports[alias.asname or head] = alias.name if alias.asname else head
        elif isinstance(node, ast.ImportFrom):
            base = self._origin(node)
            for alias in node.names:
                imports[alias.asname or alias.name] = f"{base}.{alias.name}" if base else alias.name

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._module.package.split(".") if self._module.package else []
        kept = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
        return ".".join([*kept, *([node.module] if node.module else [])])

    def _define(self, body: Sequence[ast.stmt], owner: Class | None, outer: Function | None) -> None:
        """Functions and classes of a body, and those within them."""
        for node in statements(body):
            if isinstance(node, FUNCTIONS):
                function = self._function(node, owner, outer)
                self._define(node.body, None, function)
            elif isinstance(node, ast.ClassDef):
                cls = Class(self._module, node.name, node.lineno)
                self._module.classes.setdefault(node.name, cls)
                self._classes.append((cls, node))
                self._define(node.body, cls, outer)

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: Class | None, outer: Function | None
    ) -> Function:
        scope = owner.name if owner is not None else outer.qualname if outer is not None else ""
        qualname = f"{scope}.{node.name}" if scope else node.name
        params = [*node.args.posonlyargs, *node.args.args]
        given = node.args.defaults
        defaults = {arg.arg: value for arg, value in zip(params[len(params) - len(given) :], given, strict=True)}
        defaults |= {
            arg.arg: value
            for arg, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if value is not None
        }
        extra = [arg for arg in (node.args.vararg, node.args.kwarg) if arg is not None]
        function = Function(
            self._module,
            node.name,
            qualname,
            node.lineno,
            owner=owner,
            outer=outer,
            node=node,
            params=tuple(arg.arg for arg in [*params, *node.args.kwonlyargs, *extra]),
            defaults=defaults,
            decorators=tuple(_decorator(decorator) for decorator in node.decorator_list),
            end=node.end_lineno or node.lineno,
            asynchronous=isinstance(node, ast.AsyncFunctionDef),
        )
        for arg in [*params, *node.args.kwonlyargs]:
            if arg.annotation is not None and (found := self._typer.annotation(arg.annotation, function)):
                function.types[arg.arg] = found
        self._module.functions.append(function)
        self._module.by_name.setdefault(qualname, function)
        if owner is not None:
            owner.methods.setdefault(node.name, function)
            self._module.methods.add(node.name)
            if {"property", "functools.cached_property", "cached_property"} & set(function.decorators):
                owner.properties.add(node.name)
        return function

    def _constant(self, node: ast.stmt, top: Function) -> None:
        for target, value in _assignments(node):
            if isinstance(target, ast.Name):
                _note(self._module.values, target.id, value)
                if found := self._typer.of(value, top):
                    self._module.types.setdefault(target.id, found)

    def _locals(self, function: Function) -> None:
        """Types and single values of the function's own names, and what it returns."""
        assert isinstance(function.node, FUNCTIONS)
        for node in statements(function.node.body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            elif isinstance(node, ast.With | ast.AsyncWith):
                for item in node.items:
                    if isinstance(item.optional_vars, ast.Name):
                        self._type(function, item.optional_vars.id, item.context_expr)
            elif isinstance(node, ast.For):
                self._iterated(function, node)
            elif isinstance(node, ast.Return) and node.value is not None:
                self._returned(function, node.value)
            else:
                self._assigned(function, node)

    def _returned(self, function: Function, value: ast.expr) -> None:
        if found := self._typer.of(value, function):
            self._module.returns.setdefault(function.qualname, found)

    def _assigned(self, function: Function, node: ast.stmt) -> None:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            function.values[node.target.id] = None
        for target, value in _assignments(node):
            if isinstance(target, ast.Name):
                _note(function.values, target.id, value)
                self._type(function, target.id, value)

    def _type(self, function: Function, name: str, value: ast.expr) -> None:
        if name not in function.types and (found := self._typer.of(value, function)):
            function.types[name] = found

    def _iterated(self, function: Function, node: ast.For) -> None:
        """The loop variable's type, where the iterable tells it."""
        if not isinstance(node.target, ast.Name):
            return
        name = node.iter.func if isinstance(node.iter, ast.Call) else None
        called = self._typer.name(name, function) if name is not None else ""
        if called == "builtins.sorted" and isinstance(node.iter, ast.Call) and node.iter.args:
            inner = node.iter.args[0]
            called = self._typer.name(inner.func, function) if isinstance(inner, ast.Call) else called
        if called in ("pathlib.Path.glob", "pathlib.Path.iterdir", "pathlib.Path.rglob"):
            function.types.setdefault(node.target.id, "pathlib.Path")
        elif called in ("os.listdir", "glob.glob") or self._typer.of(node.iter, function) == "file":
            function.types.setdefault(node.target.id, "str")
        elif self._typer.of(node.iter, function) == "os.scandir":
            function.types.setdefault(node.target.id, "os.DirEntry")

    def _attributes(self, cls: Class, node: ast.ClassDef, top: Function) -> None:
        """Attributes of a class: its own, and those that its methods set through self."""
        for statement in node.body:
            for target, value in _assignments(statement):
                if isinstance(target, ast.Name):
                    if not _is_field(value):
                        cls.shared.add(target.id)
                    _note(cls.values, target.id, value)
                    if found := self._typer.of(value, top):
                        cls.attributes.setdefault(target.id, found)
        for method in sorted(cls.methods.values(), key=lambda found: found.name != _INIT):
            assert isinstance(method.node, FUNCTIONS)
            for statement in statements(method.node.body):
                for target, value in _assignments(statement):
                    if isinstance(target, ast.Attribute) and text(target.value) == "self":
                        self._attribute(cls, method, target.attr, value)

    def _attribute(self, cls: Class, method: Function, name: str, value: ast.expr) -> None:
        found = self._typer.of(value, method)
        if found and not cls.attributes.get(name):
            cls.attributes[name] = found
        if isinstance(value, ast.Name) and value.id in method.defaults and method.name == _INIT:
            value = method.defaults[value.id]
        _note(cls.values, name, value)
        if (method.name != _INIT and constant(value) is None and not _only_default(value)) or (
            method.name != _INIT and found in ("list", "dict", "set")
        ):
            cls.evicted.add(name)


def _is_field(value: ast.expr) -> bool:
    """`field(default_factory=…)` of a dataclass: each object has its own."""
    return isinstance(value, ast.Call) and text(value.func).rpartition(".")[2] == "field"


def _only_default(value: ast.expr) -> bool:
    """Whether a container is made only where none was there: `self.x = self.x or []`."""
    return isinstance(value, ast.BoolOp)


def _note(values: dict[str, ast.expr | None], name: str, value: ast.expr) -> None:
    values[name] = value if name not in values else None


def _decorator(node: ast.expr) -> str:
    return text(node.func if isinstance(node, ast.Call) else node)


def _assignments(node: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """(target, value) of an assignment, tuples taken apart where both sides are written out."""
    if isinstance(node, ast.AnnAssign):
        return [(node.target, node.value)] if node.value is not None else []
    if not isinstance(node, ast.Assign):
        return []
    found: list[tuple[ast.expr, ast.expr]] = []
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            found.extend(zip(target.elts, node.value.elts, strict=False))
        elif isinstance(target, ast.Tuple):
            parts = enumerate(target.elts)
            found.extend((element, ast.Subscript(node.value, ast.Constant(at))) for at, element in parts)
        else:
            found.append((target, node.value))
    return found
