"""How often and by whom each function is run: hot places found, and carried down the call graph.

Runs once, over a project that is linked, on one thread.
"""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Iterator

from openclaw.audit import model
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Class, Function, Loop
from openclaw.audit.once import EACH, EVENT, ONCE, VERBS
from openclaw.audit.syntax import argument
from openclaw.audit.typer import Typer


class Heat:
    """Fills `Function.heat` of a project."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def find(self) -> None:
        """Sets `heat` of every function, and the project's `build_counts`."""
        for function in self._project.functions:
            self._seed_handler(function)
            for call in function.calls:
                self._seed_call(call)
        for function in self._project.functions:
            if not self._project.callers.get(function) and self._is_entry(function):
                self._heat(function, model.ENTRY, function.qualname)
        waiting = deque(function for function in self._project.functions if function.heat)
        while waiting:
            function = waiting.popleft()
            for inner in self._wrappers(function):
                if inner.heat | function.heat != inner.heat:
                    self._heat(inner, function.heat, function.heated_by)
                    waiting.append(inner)
            for call in function.calls:
                callee = self._project.callees.get(call)
                if callee is None or call.place & model.IN_GUARD:
                    continue
                for run in [callee, *self._project.overriding.get(call, ())]:
                    if run.heat | function.heat != run.heat:
                        self._heat(run, function.heat, function.heated_by)
                        waiting.append(run)
        self._project.build_counts = self._instances()

    def _wrappers(self, function: Function) -> Iterator[Function]:
        """The functions that the decorators of a function put around it."""
        module = function.module
        for name in function.decorators:
            head, dot, rest = name.partition(".")
            decorator = self._project.resolve(module, f"{module.imports.get(head, f'{module.name}.{head}')}{dot}{rest}")
            if decorator is not None:
                prefix = f"{decorator.qualname}."
                yield from (found for name, found in decorator.module.by_name.items() if name.startswith(prefix))

    def _heat(self, function: Function, heat: int, by: str) -> None:
        if not function.heat & model.REPEATED:
            function.heated_by = by
        function.heat |= heat

    def _seed_handler(self, function: Function) -> None:
        if function.owner is None:
            return
        if function.name.startswith("do_") or function.name in _HOOKS:
            if function.name != "do_" and self._is_handler(function.owner):
                self._heat(function, model.HANDLER | model.CONCURRENT, function.qualname)
        elif function.name == "run" and any(
            base.endswith((".Thread", ".Process")) for base in self._project.bases(function.owner)
        ):
            self._heat(function, model.CONCURRENT, function.qualname)

    def _is_handler(self, cls: Class) -> bool:
        return any(base.endswith("RequestHandler") for base in self._project.bases(cls))

    def _seed_call(self, call: Call) -> None:
        for target, heat in self._handed_on(call):
            self._heat(target, heat, target.qualname)
        callee = self._project.callees.get(call)
        if callee is None or call.loop is None or call.place & model.IN_GUARD:
            return
        for loop in call.loop.chain():
            if loop.deadline or _asks_a_person(loop):
                continue
            heat = model.CYCLE if loop.endless else model.ITEM
            self._heat(callee, heat, call.function.qualname)

    def _handed_on(self, call: Call) -> Iterator[tuple[Function, int]]:
        """Functions that a call hands to threads or pools, with the heat that this gives them."""
        node = call.node
        if node is None:
            return
        last = call.method
        if last in ("Thread", "Timer", "Process"):
            given = argument(node, 1, "target" if last != "Timer" else "function")
            heat = (model.CONCURRENT if last != "Process" else 0) | (model.ITEM if call.loop is not None else 0)
        elif last in ("submit", "apply_async", "start_new_thread", "map", "imap", "imap_unordered", "starmap"):
            given = node.args[0] if node.args and not call.name.startswith("builtins.") else None
            heat = model.CONCURRENT | model.ITEM
        else:
            return
        if given is None:
            return
        found = self._project.resolve(call.function.module, self._reference(given, call.function))
        if found is not None:
            yield found, heat

    def _reference(self, node: ast.AST, function: Function) -> str:
        """The dotted name of a function that is handed on as a value."""

        return Typer(function.module).name(node, function)

    def _is_entry(self, function: Function) -> bool:
        if function.name == "<module>" or function.outer is not None:
            return False
        params = [param for param in function.params if param not in ("self", "cls")]
        if ONCE.match(function.name):
            return function.name in VERBS and any(EACH.match(param) for param in params)
        return any(EVENT.match(param) for param in params)

    def _instances(self) -> dict[str, int]:
        """Class → how often it is made in a loop, or in a function that is run repeatedly."""
        made: dict[str, int] = defaultdict(int)
        for call in self._project.callees:
            callee = self._project.callees[call]
            if (
                callee.name == "__init__"
                and callee.owner is not None
                and (call.loop is not None or call.function.heat & model.REPEATED)
            ):
                made[callee.owner.name] += 1
        return made


def _asks_a_person(loop: Loop) -> bool:
    """Whether each turn of a loop waits for somebody to type."""
    return loop.endless and any(
        call.name == "builtins.input" and loop.line <= call.line <= loop.end for call in loop.function.calls
    )


_HOOKS = frozenset(
    [
        "handle",
        "process_request",
        "finish_request",
        "setup",
        "finish",
        "parse_request",
        "end_headers",
        "log_message",
        "log_request",
        "log_error",
        "handle_one_request",
        "verify_request",
        "get_request",
    ]
)
"""Methods of request handlers and servers that the library calls for each request."""
