"""What a name stands for and what an expression gives, as far as one file tells.

Types are texts: `list`, `file`, `requests.Session`, `package.module.Class`; `@dotted.name` is the thing of that name
itself (a module, a function, a class); "" is unknown. Flow is not followed: a name has the first type that it is given.
"""

from __future__ import annotations

import ast

from openclaw.audit.methods import PATH_METHODS
from openclaw.audit.model import Class, Function, Module
from openclaw.audit.names import ANNOTATIONS, BY_NAME, CANONICAL, GIVES, PATH
from openclaw.audit.syntax import argument, constant

_KINDS: dict[type[ast.AST], str] = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Tuple: "tuple",
    ast.JoinedStr: "str",
    ast.GeneratorExp: "generator",
    ast.Compare: "bool",
}


class Typer:
    """Types and names within one module. Built for a module and read while it is scanned, on one thread."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def of(self, node: ast.AST | None, function: Function) -> str:
        """The type of an expression in `function`."""
        kind = type(node)
        if kind in _KINDS:
            return _KINDS[kind]
        if isinstance(node, ast.Constant):
            return type(node.value).__name__ if isinstance(node.value, str | bytes | int | float) else ""
        if isinstance(node, ast.Name):
            return self._of_name(node.id, function)
        if isinstance(node, ast.Attribute):
            return self._of_attribute(node, function)
        if isinstance(node, ast.Call):
            return self._of_call(node, function)
        if isinstance(node, ast.BinOp):
            return self._of_operation(node, function)
        if isinstance(node, ast.BoolOp):
            return next((found for value in node.values if (found := self.of(value, function))), "")
        if isinstance(node, ast.IfExp):
            return self.of(node.body, function) or self.of(node.orelse, function)
        if isinstance(node, ast.NamedExpr):
            return self.of(node.value, function)
        return ""

    def name(self, node: ast.AST, function: Function) -> str:
        """The dotted name of a function that is called or handed on; `?.attr` or `?` where it is not known."""
        if isinstance(node, ast.Name):
            found = self._of_name(node.id, function)
            if found.startswith("@"):
                return canonical(found[1:])
            return f"{found}.__call__" if found else f"builtins.{node.id}"
        if isinstance(node, ast.Attribute):
            base = self.of(node.value, function)
            if base.startswith("@"):
                return canonical(self._inherited(base[1:], node.attr))
            if base:
                return canonical(self._inherited(base, node.attr))
            return f"{PATH}.{node.attr}" if node.attr in PATH_METHODS else f"?.{node.attr}"
        return "?"

    def annotation(self, node: ast.AST | None, function: Function) -> str:
        """The type that an annotation states; the first that is known of a union."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return ""
        if isinstance(node, ast.BinOp):
            return self.annotation(node.left, function) or self.annotation(node.right, function)
        if isinstance(node, ast.Subscript):
            base = self.annotation(node.value, function)
            return base or self.annotation(node.slice, function)
        if isinstance(node, ast.Name | ast.Attribute):
            found = self.of(node, function).removeprefix("@")
            last = node.id if isinstance(node, ast.Name) else node.attr
            return ANNOTATIONS.get(last, "") or GIVES.get(found, found)
        return ""

    def class_of(self, kind: str) -> Class | None:
        """The class of this module that a type names."""
        prefix, _, last = kind.rpartition(".")
        return self._module.classes.get(last) if prefix == self._module.name else None

    def _of_name(self, name: str, function: Function | None) -> str:
        scope = function
        while scope is not None:
            if name in scope.types:
                return scope.types[name]
            if name in ("self", "cls") and scope.owner is not None and name in scope.params:
                return f"{self._module.name}.{scope.owner.name}"
            inner = f"{scope.qualname}.{name}"
            if inner in self._module.by_name:
                return f"@{self._module.name}.{inner}"
            if name in scope.params:
                return BY_NAME.get(name, "")
            scope = scope.outer
        module = self._module
        if name in module.types:
            return module.types[name]
        if name in module.by_name or name in module.classes:
            return f"@{module.name}.{name}"
        if name in module.imports:
            return f"@{canonical(module.imports[name])}"
        return BY_NAME.get(name, "")

    def _of_attribute(self, node: ast.Attribute, function: Function) -> str:
        base = self.of(node.value, function)
        cls = self.class_of(base.removeprefix("@"))
        seen = 0
        while cls is not None and seen < 10:
            if cls.attributes.get(node.attr):
                return cls.attributes[node.attr]
            if node.attr in cls.methods and node.attr not in cls.properties:
                return f"@{self._module.name}.{cls.name}.{node.attr}"
            if node.attr in cls.properties:
                return self._module.returns.get(f"{cls.name}.{node.attr}", "")
            cls = self.class_of(cls.bases[0]) if cls.bases else None
            seen += 1
        if base.startswith("@"):
            return f"{base}.{node.attr}"
        if base == PATH:
            return {"parent": PATH, "name": "str", "stem": "str", "suffix": "str"}.get(node.attr, "")
        return BY_NAME.get(node.attr, "")

    def _of_call(self, node: ast.Call, function: Function) -> str:
        name = self.name(node.func, function)
        if name == "builtins.super":
            owner = function.owner
            return owner.bases[0] if owner is not None and owner.bases else ""
        if name == "collections.deque":
            limit = argument(node, 1, "maxlen")
            return "deque" if limit is None or (isinstance(limit, ast.Constant) and limit.value is None) else "ring"
        if name in ("builtins.open", "pathlib.Path.open"):
            return (
                "file"
                if "b" not in str(constant(argument(node, int(name == "builtins.open"), "mode")) or "")
                else "binary"
            )
        if name in GIVES:
            return GIVES[name]
        if name == "contextlib.closing" and node.args:
            return self.of(node.args[0], function)
        if name == "functools.partial" and node.args:
            return f"@{self.name(node.args[0], function)}"
        if name == "dataclasses.field":
            return self._of_default(argument(node, None, "default_factory"), function)
        prefix = self._module.name + "."
        if name.startswith(prefix) and name.removeprefix(prefix) in self._module.returns:
            return self._module.returns[name.removeprefix(prefix)]
        last = name.rpartition(".")[2]
        return name if last[:1].isupper() and not name.startswith("?") else ""

    def _of_default(self, factory: ast.expr | None, function: Function) -> str:
        """What a dataclass's field begins with: `default_factory=list`, or a lambda that makes it."""
        if isinstance(factory, ast.Lambda):
            return self.of(factory.body, function)
        return self.of(ast.Call(factory, [], []), function) if factory is not None else ""

    def _of_operation(self, node: ast.BinOp, function: Function) -> str:
        left = self.of(node.left, function)
        if isinstance(node.op, ast.Div):
            return PATH if left == PATH else ("" if left.startswith("@") else "float")
        if isinstance(node.op, ast.Mod) and left in ("str", "bytes"):
            return left
        if isinstance(node.op, ast.Mult):
            return left if left in ("str", "bytes", "list") else self.of(node.right, function)
        return left or self.of(node.right, function)

    def _inherited(self, base: str, attribute: str) -> str:
        """`base.attribute`, or the library's method that a class of this module inherits."""
        name, seen = base, 0
        cls = self.class_of(base)
        while cls is not None and attribute not in cls.methods and attribute not in cls.attributes and seen < 10:
            if not cls.bases:
                break
            name = cls.bases[0]
            cls = self.class_of(name)
            seen += 1
        if cls is None and name != base:
            return f"{name}.{attribute}"
        return f"{base if cls is None else name}.{attribute}"


def canonical(name: str) -> str:
    """A library name without its aliases."""
    if name in CANONICAL:
        return CANONICAL[name]
    head, _, last = name.rpartition(".")
    if head in CANONICAL:
        return f"{CANONICAL[head]}.{last}"
    return name
