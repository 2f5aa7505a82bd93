"""The whole project: names joined over files, the call graph, effects carried up it.

Built once from all modules, on one thread; afterwards only read. What a call fills a cache with is not carried: it is
not done each time.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.methods import PLAIN_METHODS
from openclaw.audit.model import Call, Class, Function, Loop, Module
from openclaw.audit.once import is_once

ITEMS = 20
"""How many turns a loop over items is counted with where nothing tells."""


class Project:
    """Every module, function and class, with what is known of them together."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = list(modules)
        self.functions = [function for module in self.modules for function in module.functions]
        self._named: dict[str, Function] = {}
        self._classes: dict[str, Class] = {}
        self._modules: dict[str, Module] = {}
        self._methods: dict[str, list[Function]] = defaultdict(list)
        self._made: dict[Class, list[Call]] = defaultdict(list)
        self._below: dict[Class, list[Class]] = defaultdict(list)
        self.overriding: dict[Call, list[Function]] = {}
        self.callees: dict[Call, Function] = {}
        self.callers: dict[Function, list[Call]] = defaultdict(list)
        self.build_counts: dict[str, int] = {}
        """Class → how often it is made in a loop, or in a function that is run repeatedly; set with the heat."""
        for module in self.modules:
            self._declare(module)
        for cls in [cls for module in self.modules for cls in module.classes.values() if cls.bases]:
            for parent in self._parents(cls):
                self._below[parent].append(cls)
        for function in self.functions:
            self._link(function)
        self._carry_effects()

    def callee(self, call: Call) -> Function | None:
        """The function of the project that a call runs, if it is one."""
        return self.callees.get(call)

    def effects(self, call: Call) -> int:
        """Effects of a call, its own or those of what it runs."""
        callee = self.callees.get(call)
        return call.effects | (callee.effects if callee is not None and not callee.cached else 0)

    def bases(self, cls: Class) -> Iterator[str]:
        """Dotted names of all that a class inherits, project classes and library ones."""
        seen: set[str] = set()
        queue = deque([(cls.module, base) for base in cls.bases])
        while queue and len(seen) < 50:
            module, name = queue.popleft()
            if name in seen:
                continue
            seen.add(name)
            yield name
            found = self.find_class(module, name)
            if found is not None:
                queue.extend((found.module, base) for base in found.bases)

    def find_class(self, module: Module, name: str) -> Class | None:
        for candidate in self._candidates(module, name):
            if candidate in self._classes:
                return self._classes[candidate]
        return None

    def find_module(self, module: Module, name: str) -> Module | None:
        for candidate in self._candidates(module, name):
            if candidate in self._modules:
                return self._modules[candidate]
        return None

    def _parents(self, cls: Class) -> Iterator[Class]:
        """The project's classes that a class inherits."""
        return (found for base in self.bases(cls) if (found := self.find_class(cls.module, base)) is not None)

    def is_passing(self, cls: Class) -> bool:
        """Whether objects of a class are only ever made for one call of something: what they gather goes with them."""
        if any(base.rpartition(".")[2] in _VISITORS for base in self.bases(cls)):
            return True
        if any(loop.endless and not loop.leaves and loop.kind == "while" for loop in _loops(cls)):
            return False  # it lives as long as its loop goes round
        made = self._made.get(cls, ())
        return bool(made) and all(
            call.use in (model.USE_CHAINED, model.USE_WITH)
            or (call.use == model.USE_ARGUMENT and call.target == "contextlib.closing")
            or (
                call.use == model.USE_ASSIGNED
                and "." not in call.target
                and not is_once(call.function)
                and call.target not in call.function.module.values
                and not (call.loop is not None and call.loop.within_endless())
            )
            for call in made
        )

    def _declare(self, module: Module) -> None:
        self._modules.setdefault(module.name, module)
        for function in module.functions:
            self._named.setdefault(function.dotted, function)
            if function.owner is not None:
                self._methods[function.name].append(function)
        for cls in module.classes.values():
            self._classes.setdefault(f"{module.name}.{cls.name}", cls)

    def _candidates(self, module: Module, name: str) -> Iterator[str]:
        """The names that `name` may have in the project: beside the module first, then as written, then re-exported."""
        if module.package:
            yield f"{module.package}.{name}"
        yield name
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            within = self._modules.get(".".join(parts[:cut]))
            if within is not None and parts[cut] in within.imports:
                yield ".".join([within.imports[parts[cut]], *parts[cut + 1 :]])
                return

    def _link(self, function: Function) -> None:
        for call in function.calls:
            found = self.resolve(function.module, call.name)
            if call.method[:1].isupper() and (made := self.find_class(function.module, call.name)) is not None:
                for cls in [made, *self._parents(made)]:
                    self._made[cls].append(call)
            if found is None and call.name.startswith("?."):
                found = self._by_method(function.module, call.name[2:])
            if call.place & model.AS_ATTRIBUTE and not _is_property(found):
                found = None  # an attribute of an object, no property
            if found is not None and found is not function.module.functions[0]:
                self._join(call, found)
            elif not call.effects:
                call.effects = self._inherited(function.module, call.name)

    def _join(self, call: Call, found: Function) -> None:
        """Note what a call runs; a method that only says that others have it is the dearest of theirs."""
        others = self._overriding(found)
        for other in others:
            self.callers[other].append(call)
        self.overriding[call] = others
        if others and ("abstractmethod" in " ".join(found.decorators) or not found.calls):
            found = max(others, key=_weight)
        else:
            self.callers[found].append(call)
        self.callees[call] = found

    def _overriding(self, method: Function) -> list[Function]:
        """The methods of subclasses that stand in the place of one."""
        if method.owner is None or method.name.startswith("__"):
            return []
        return [cls.methods[method.name] for cls in self._below.get(method.owner, ()) if method.name in cls.methods]

    def resolve(self, module: Module, name: str) -> Function | None:
        if name.startswith(("builtins.", "?")):
            return None
        for candidate in self._candidates(module, name):
            if candidate in self._named:
                return self._named[candidate]
            if candidate in self._classes:
                return self._method(self._classes[candidate], "__init__")
            head, _, last = candidate.rpartition(".")
            if head in self._classes:
                return self._method(self._classes[head], last)
        return None

    def _method(self, cls: Class, name: str, depth: int = 0) -> Function | None:
        if name in cls.methods:
            return cls.methods[name]
        if depth < 10:
            for base in cls.bases:
                parent = self.find_class(cls.module, base)
                if parent is not None and (found := self._method(parent, name, depth + 1)) is not None:
                    return found
        return None

    def _by_method(self, module: Module, name: str) -> Function | None:
        """The only method of this name, where the name is no common one and its class is near."""
        found = self._methods.get(name, ())
        here = [method for method in found if method.module is module]
        if len(here) == 1 and (name not in PLAIN_METHODS or len(found) == 1) and name not in _NEVER:
            return here[0]
        if len(found) == 1 and name not in PLAIN_METHODS and ("_" in name or self._imports(module, found[0].module)):
            return found[0]
        return None

    def _imports(self, module: Module, other: Module) -> bool:
        return any(
            self.find_module(module, name) is other or self.find_module(module, name.rpartition(".")[0]) is other
            for name in module.imports.values()
        )

    def _inherited(self, module: Module, name: str) -> int:
        """Effects of a library method that a class of another module inherits."""
        head, _, last = name.rpartition(".")
        cls = self.find_class(module, head) if head else None
        if cls is None:
            return 0
        return next((fx.BY_CALL[f"{base}.{last}"] for base in self.bases(cls) if f"{base}.{last}" in fx.BY_CALL), 0)

    def _carry_effects(self) -> None:
        for function in self.functions:
            for call in function.calls:
                if call.place & model.IN_LAMBDA:
                    continue
                function.own |= call.effects
            function.effects = function.own if not function.cached else 0
        waiting = deque(function for function in self.functions if function.effects)
        while waiting:
            function = waiting.popleft()
            for call in self.callers.get(function, ()):
                caller = call.function
                if call.place & (model.IN_LAMBDA | model.IN_GUARD) or caller.cached:
                    continue
                if caller.effects | function.effects != caller.effects:
                    caller.effects |= function.effects
                    waiting.append(caller)


_VISITORS = frozenset({"HTMLParser", "NodeVisitor", "NodeTransformer", "ContentHandler"})
"""Bases of what goes through one document and is let go of."""


def _loops(cls: Class) -> Iterator[Loop]:
    """The loops of a class's methods."""
    for method in cls.methods.values():
        yield from method.loops


def _is_property(found: Function | None) -> bool:
    """Whether what stands there as an attribute or a subscript runs a method."""
    return (
        found is not None
        and found.owner is not None
        and (found.name in found.owner.properties or found.name == "__getitem__")
    )


def _weight(function: Function) -> int:
    """How much a function's own statements do, for a choice between several."""
    return max((call.effects & (fx.BLOCKING | fx.FILES) for call in function.calls), default=0)


_NEVER = frozenset(
    {"get", "close", "read", "write", "append", "join", "items", "keys", "values", "update", "pop", "copy"}
)
