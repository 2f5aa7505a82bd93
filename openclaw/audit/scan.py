"""One function's body, read once: its calls, loops, locks, and what it adds to containers, each with where it stands.

The second pass over a file's tree. Rules never walk a tree of their own; they look through what is collected here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence

from openclaw.audit import model
from openclaw.audit.effects import VERBS
from openclaw.audit.guards import counts, is_hit, is_miss, leaves_on_hit, only_reads, sides, waits_for_others
from openclaw.audit.locks import Locks
from openclaw.audit.model import Lock, Loop
from openclaw.audit.syntax import FUNCTIONS, argument, children, constant, names, root, text, walk

_SKIPPED = (ast.Constant, ast.Name)
_CLOCKS = ("time.time", "time.monotonic", "time.perf_counter")


class Scanner(Locks):
    """Fills one `Function`. For one body, on one thread."""

    def run(self) -> None:
        node = self._function.node
        assert node is not None
        self._body(node.body)

    def _body(self, body: Sequence[ast.stmt]) -> None:
        place, lock = self._place, self._lock
        for statement in body:
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                handler(self, statement)
            else:
                self._parts(statement)
            if leaves_on_hit(statement):
                self._place |= model.IN_GUARD
        if self._lock is not lock and self._lock is not None:
            self._lock.end = body[-1].end_lineno or body[-1].lineno
        self._place, self._lock = place, lock

    def _parts(self, node: ast.AST) -> None:
        """Everything below a node that nothing special is known of."""
        for child in children(node):
            if isinstance(child, ast.stmt):
                handler = _STATEMENTS.get(type(child))
                if handler is not None:
                    handler(self, child)
                else:
                    self._parts(child)
            elif not isinstance(child, _SKIPPED):
                self._expression(child, model.USE_OTHER)

    def _expr_statement(self, node: ast.Expr) -> None:
        self._expression(node.value, model.USE_DROPPED)
        self._locking(node.value, node.lineno)

    def _assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        kept = next((found for found in node.targets if isinstance(found, ast.Attribute)), target)
        self._expression(node.value, model.USE_ASSIGNED, text(kept) or root(kept))
        for target in node.targets:
            self._target(target, node.value)
        if isinstance(target, ast.Attribute) and target.attr in _SENDS and _limits(node.value):
            self._module.session_timeout = True
        if (
            isinstance(target, ast.Name)
            and isinstance(node.value, ast.BinOp)
            and isinstance(node.value.op, ast.Add)
            and text(_leftmost(node.value)) == target.id
        ):
            self._store(node.lineno, target.id, "x=x+", node.value.right, None)
        elif self._loop is not None and self._rewritten(target, node.value):
            self._store(node.lineno, text(target), "x=x+", ast.Constant(""), None)

    def _rewritten(self, target: ast.expr, value: ast.expr) -> bool:
        """`x = f"{x}…"` and `x = "%s…" % (x, …)`: the text is built anew around itself."""
        if not isinstance(target, ast.Name):
            return False
        if isinstance(value, ast.JoinedStr):
            return any(isinstance(part, ast.FormattedValue) and text(part.value) == target.id for part in value.values)
        return (
            isinstance(value, ast.BinOp)
            and isinstance(value.op, ast.Mod)
            and isinstance(constant(value.left), str)
            and target.id in {text(part) for part in getattr(value.right, "elts", [value.right])}
        )

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._expression(node.value, model.USE_ASSIGNED, text(node.target))
            self._target(node.target, node.value)

    def _target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, target.lineno)
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._target(element, value)
        elif isinstance(target, ast.Subscript):
            owner = root(target)
            if isinstance(target.slice, ast.Slice):
                self._evicted(owner)
            elif owner:
                self._store(target.lineno, owner, "[]=", value, target.slice)
            self._expression(target.slice, model.USE_OTHER)

    def _aug_assign(self, node: ast.AugAssign) -> None:
        self._expression(node.value, model.USE_ARGUMENT, "+=")
        owner = root(node.target)
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, node.lineno)
        if not isinstance(node.op, ast.Add | ast.BitOr):
            self._evicted(owner)
        if owner and isinstance(node.op, ast.Add):
            key = node.target.slice if isinstance(node.target, ast.Subscript) else None
            self._store(node.lineno, owner, "+=", node.value, key)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self._evicted(root(target))

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            self._expression(node.value, model.USE_RETURNED)
        self._leave(all_loops=True)

    def _break(self, _node: ast.Break) -> None:
        self._leave(all_loops=False)

    def _leave(self, all_loops: bool) -> None:
        if self._loop is not None:
            for loop in self._loop.chain() if all_loops else [self._loop]:
                if not self._place & model.IN_EXCEPT:
                    loop.leaves += 1

    def _if(self, node: ast.If) -> None:
        self._expression(node.test, model.USE_TESTED)
        place = self._place
        self._place |= model.IN_IF
        if is_miss(node.test, node.body):
            self._place |= model.IN_GUARD
        if node.body and isinstance(node.body[-1], ast.Return | ast.Break | ast.Raise):
            self._place |= model.LEAVING
        self._body(node.body)
        self._place = place | model.IN_IF
        if is_hit(node.test, node.body):
            self._place |= model.IN_GUARD
        self._body(node.orelse)
        self._place = place

    def _try(self, node: ast.Try) -> None:
        place = self._place
        self._place |= model.IN_TRY
        self._body_keeping_lock(node.body)
        for handler in node.handlers:
            self._place = place | model.IN_EXCEPT
            if text(handler.type) in ("KeyError", "AttributeError") and only_reads(node.body):
                self._place |= model.IN_GUARD
            self._body(handler.body)
        self._place = place
        self._body(node.orelse)
        self._place = place | model.IN_FINALLY
        self._body_keeping_lock(node.finalbody)
        self._place = place

    def _match(self, node: ast.Match) -> None:
        self._expression(node.subject, model.USE_TESTED)
        place = self._place
        self._place |= model.IN_IF
        for case in node.cases:
            if case.guard is not None:
                self._expression(case.guard, model.USE_TESTED)
            self._body(case.body)
        self._place = place

    def _body_keeping_lock(self, body: Sequence[ast.stmt]) -> None:
        """As `_body`, but what it locks or releases holds behind it."""
        for statement in body:
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                handler(self, statement)
            else:
                self._parts(statement)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        outer, place = self._loop, self._place
        self._place |= model.IN_HEADER
        self._expression(node.iter, model.USE_ITERATED)
        self._place = place & ~(model.IN_GUARD | model.LEAVING)
        loop = Loop("for", node.lineno, outer, self._function, node, iterable=node.iter)
        loop.targets = frozenset(names(node.target))
        loop.endless = (
            self._typer.name(node.iter.func, self._function) == "itertools.count"
            if isinstance(node.iter, ast.Call)
            else False
        )
        self._enter(loop, node.body, node.end_lineno)
        self._place = place
        self._loop = outer
        self._body(node.orelse)

    def _while(self, node: ast.While) -> None:
        outer, place = self._loop, self._place
        loop = Loop("while", node.lineno, outer, self._function, node, test=node.test)
        loop.deadline = self._has_deadline(node.test)
        loop.endless = not loop.deadline and (not counts(node.test) or waits_for_others(node))
        self._loop = loop
        self._place |= model.IN_HEADER
        self._expression(node.test, model.USE_TESTED)
        self._place = place & ~(model.IN_GUARD | model.LEAVING)
        self._enter(loop, node.body, node.end_lineno)
        self._place = place
        self._loop = outer
        self._body(node.orelse)

    def _enter(self, loop: Loop, body: Sequence[ast.stmt], end: int | None) -> None:
        self._function.loops.append(loop)
        loop.end = end or loop.line
        self._loop = loop
        self._body(body)
        if loop.parent is not None:
            loop.parent.assigned.update(loop.assigned)
            for name in loop.targets:
                loop.parent.assigned[name] = loop.line

    def _has_deadline(self, test: ast.expr) -> bool:
        for node in walk(test):
            if isinstance(node, ast.Call) and self._typer.name(node.func, self._function) in _CLOCKS:
                return True
            if (
                isinstance(node, ast.Compare)
                and isinstance(node.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE)
                and any(re.search(r"deadline|timeout|limit|until|elapsed", text(side)) for side in sides(node))
                and not any(isinstance(side, ast.Call) and text(side.func) == "len" for side in sides(node))
            ):
                return True
        return False

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        lock = self._lock
        entered = None
        for item in node.items:
            self._expression(item.context_expr, model.USE_WITH, text(item.optional_vars))
            if isinstance(item.optional_vars, ast.Name):
                self._bind(item.optional_vars.id, node.lineno)
            if kind := self._lock_kind(item.context_expr):
                held = text(item.context_expr) or root(getattr(item.context_expr, "func", None))
                entered = Lock(held, kind, node.lineno, node.end_lineno or node.lineno)
                self._function.locks.append(entered)
                self._lock = entered
        self._body(node.body)
        self._lock = lock

    def _function_def(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in [*node.args.defaults, *node.args.kw_defaults, *node.decorator_list]:
            if default is not None and not isinstance(default, _SKIPPED):
                self._expression(default, model.USE_OTHER)

    def _class_def(self, node: ast.ClassDef) -> None:
        loop, self._loop = self._loop, None
        self._body([found for found in node.body if not isinstance(found, FUNCTIONS)])
        self._loop = loop


_SENDS = frozenset({*VERBS, "send"})


def _limits(value: ast.expr) -> bool:
    """`partial(session.request, timeout=10)`, put in the place of a session's own method."""
    return isinstance(value, ast.Call) and argument(value, None, "timeout") is not None


def _leftmost(node: ast.expr) -> ast.expr:
    """`x` of `x + a + b`."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        node = node.left
    return node


_Handler = Callable[[Scanner, ast.stmt], None]
_STATEMENTS: dict[type[ast.AST], _Handler] = {
    ast.Expr: Scanner._expr_statement,  # type: ignore[dict-item]  # each is called with its own class of statement
    ast.Assign: Scanner._assign,  # type: ignore[dict-item]
    ast.AnnAssign: Scanner._ann_assign,  # type: ignore[dict-item]
    ast.AugAssign: Scanner._aug_assign,  # type: ignore[dict-item]
    ast.Delete: Scanner._delete,  # type: ignore[dict-item]
    ast.Return: Scanner._return,  # type: ignore[dict-item]
    ast.Break: Scanner._break,  # type: ignore[dict-item]
    ast.If: Scanner._if,  # type: ignore[dict-item]
    ast.Try: Scanner._try,  # type: ignore[dict-item]
    ast.TryStar: Scanner._try,  # type: ignore[dict-item]
    ast.Match: Scanner._match,  # type: ignore[dict-item]
    ast.For: Scanner._for,  # type: ignore[dict-item]
    ast.AsyncFor: Scanner._for,  # type: ignore[dict-item]
    ast.While: Scanner._while,  # type: ignore[dict-item]
    ast.With: Scanner._with,  # type: ignore[dict-item]
    ast.AsyncWith: Scanner._with,  # type: ignore[dict-item]
    ast.FunctionDef: Scanner._function_def,  # type: ignore[dict-item]
    ast.AsyncFunctionDef: Scanner._function_def,  # type: ignore[dict-item]
    ast.ClassDef: Scanner._class_def,  # type: ignore[dict-item]
}
