"""Locks in a body: which expressions are one, and from where to where it is held. A part of `scan`."""

from __future__ import annotations

import ast
import re

from openclaw.audit.expressions import Expressions
from openclaw.audit.model import Lock
from openclaw.audit.syntax import root, text, walk

_LOCK_NAME = re.compile(r"(^|[_.])(r?lock|mutex|guard)s?$|lock$", re.IGNORECASE)


class Locks(Expressions):
    """What `Scanner` knows of locks."""

    def _locking(self, call: ast.expr, line: int) -> None:
        """`lock.acquire()`, `lock.release()`, `flock(file, LOCK_EX)` as statements of their own."""
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            held = text(call.func.value)
            if call.func.attr == "acquire" and self._is_lock(call.func.value) and not call.args and not call.keywords:
                self._enter_lock(Lock(held, "thread", line))
            elif call.func.attr == "release" and self._lock is not None and self._lock.name == held:
                self._lock = None
            elif call.func.attr in ("flock", "lockf"):
                flags = ast.dump(call.args[1]) if len(call.args) > 1 else ""
                if "LOCK_UN" in flags:
                    self._lock = None
                elif "LOCK_NB" not in flags:
                    self._enter_lock(Lock(text(call.args[0]) or "flock", "file", line))

    def _enter_lock(self, lock: Lock) -> None:
        lock.end = self._function.end
        self._function.locks.append(lock)
        self._lock = lock

    def _lock_kind(self, node: ast.expr) -> str:
        if isinstance(node, ast.Call):
            name = self._typer.name(node.func, self._function)
            if "flock" in name or "file_lock" in name or name.endswith("FileLock") or "lock_file" in name:
                return "file"
            if self._flocks(name):
                return "file"
            if self._yields_locked(name):
                return "thread"
            return "thread" if _LOCK_NAME.search(name) and not name.startswith("builtins.") else ""
        return "thread" if self._is_lock(node) else ""

    def _flocks(self, name: str) -> bool:
        """Whether a context manager of this module locks a file: the function, or the class's `__enter__`."""
        own = name.removeprefix(f"{self._module.name}.")
        found = self._module.by_name.get(own) or self._module.by_name.get(f"{own}.__enter__")
        if found is None or found.node is None or own == name:
            return False
        return any(
            isinstance(node, ast.Attribute) and node.attr in ("flock", "lockf", "O_EXCL") for node in walk(found.node)
        )

    def _yields_locked(self, name: str) -> bool:
        """Whether a context manager of this module yields while it holds a lock: its caller's body is under it."""
        own = name.removeprefix(f"{self._module.name}.")
        found = self._module.by_name.get(own)
        if found is None or found.node is None or own == name:
            return False
        if not any("contextmanager" in decorator for decorator in found.decorators):
            return False
        return any(
            isinstance(node, ast.With)
            and any(_LOCK_NAME.search(root(item.context_expr)) for item in node.items)
            and any(isinstance(inner, ast.Yield) for inner in walk(node))
            for node in walk(found.node)
        )

    def _is_lock(self, node: ast.expr) -> bool:
        kind = self._typer.of(node, self._function)
        if kind:
            return kind in ("lock", "threading.Condition")
        return _LOCK_NAME.search(root(node)) is not None
