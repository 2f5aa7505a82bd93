"""The same file read, or asked about, again. A part of dimension 4."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint
from openclaw.audit.places import (
    is_hot,
    is_retry,
    items_loop,
    path_of,
    path_text,
)
from openclaw.audit.syntax import argument, names, source
from openclaw.audit.values import VOLATILE


def compared(function: Function) -> Iterator[Hint]:
    """`getmtime(path) > getmtime(best)` in a loop: the best one is asked again in each turn."""
    asked: dict[tuple[int, str], Call] = {}
    for call in function.calls:
        if call.effects & fx.STAT and call.loop is not None and _asks(call) and call.node is not None:
            before = asked.setdefault((call.line, call.name), call)
            carried = {name for name, line in call.loop.assigned.items() if line >= call.line} - call.loop.targets
            both = names(call.node) | (names(before.node) if before.node is not None else set())
            if before is not call and source(before.node) != source(call.node) and both & carried:
                yield Hint(
                    "looked_at_twice",
                    call.line,
                    function,
                    call.loop,
                    {"path": source(call.node.args[0]) if call.node.args else call.receiver, "count": "2"},
                )


def _asks(call: Call) -> bool:
    """`getmtime(path) > …`, `os.stat(path).st_mtime > …`."""
    return call.use == model.USE_TESTED or (call.use == model.USE_CHAINED and call.target.startswith("st_"))


def read_again(function: Function) -> Iterator[Finding]:
    """The same path read in each turn of a loop, or twice in one function."""
    reads: dict[str, list[Call]] = defaultdict(list)
    looks: dict[str, list[Call]] = defaultdict(list)
    for call in function.calls:
        if call.place & model.IN_GUARD or call.node is None:
            continue
        path = path_of(call) if call.effects & (fx.READ | fx.STAT | fx.WRITE) and not call.effects & fx.CPU else None
        if path is None or call.name.startswith(("shutil.", "zipfile.", "tarfile.")):
            continue
        if call.effects & fx.STAT:
            if call.name in _OTHER or _ENTRY.search(call.receiver):
                continue
            looks[source(path)].append(call)
            continue
        if not call.effects & fx.READ:
            continue
        reads[source(path)].append(call)
        loop = items_loop(call)
        if (
            loop is not None
            and not is_retry(loop)
            and loop.kind != "while"
            and not names(path) & {*loop.targets, *loop.assigned}
            and not function.uses_mtime
            and not any(other.effects & fx.HTTP and other.loop is loop for other in function.calls)  # sent each time
        ):
            yield found(function, call.line, "read_in_loop", "4.2", "8.1", path=source(path), call=source(call.node))
            reads[source(path)].remove(call)
    for path_source, same in reads.items():
        if len(same) > 1 and not _branches(same) and not _written_between(function, path_source, same):
            yield found(function, same[1].line, "read_twice", "4.2", path=path_source, call=source(same[1].node))
    hot = is_hot(function)
    for path_source, same in looks.items():
        kinds = {call.name for call in same}
        if (len(kinds) > 2 or (len(kinds) > 1 and (hot or any(call.loop is not None for call in same)))) and (
            not any(
                call.use == model.USE_TESTED and call.loop is not None and call.loop.kind == "while" for call in same
            )
        ):
            yield found(
                function,
                same[-1].line,
                "looked_at_twice",
                "4.1",
                severity=Severity.MINOR,
                path=path_source,
                count=str(len(same)),
            )


def read_per_item(project: Project, function: Function) -> Iterator[Finding]:
    """A function that reads the file that it is given, called for each item with the same file."""
    for call in function.calls:
        loop, callee = items_loop(call), project.callee(call)
        if loop is None or callee is None or call.node is None or is_retry(loop) or loop.kind == "while":
            continue
        if call.place & (model.IN_HEADER | model.IN_GUARD | model.IN_EXCEPT):
            continue
        carried = {name for around in loop.chain() for name in (*around.targets, *around.assigned)}
        for param in _paths_read(project, callee, 0):
            given = _given(call.node, callee, param)
            if given is not None and names(given) and not names(given) & carried:
                path = source(given)
                yield found(function, call.line, "read_in_loop", "4.2", "8.1", path=path, call=source(call.node))
                return


def _paths_read(project: Project, function: Function, depth: int) -> set[str]:
    """The parameters of a function that name files which it reads whole on every run."""
    if function.cached or function.uses_mtime or depth > 2 or not function.effects & fx.READ:
        return set()
    params = set(function.params) - {"self", "cls"}
    read: set[str] = set()
    for call in function.calls:
        if call.place & (model.IN_GUARD | model.IN_EXCEPT | model.IN_LAMBDA) or call.node is None:
            continue
        callee = project.callee(call)
        if call.effects & fx.READ and not call.effects & (fx.WRITE | fx.CPU):
            path = path_of(call)
            read |= {path.id} & params if isinstance(path, ast.Name) else set()
        elif callee is not None:
            for param in _paths_read(project, callee, depth + 1):
                given = _given(call.node, callee, param)
                read |= {given.id} & params if isinstance(given, ast.Name) else set()
    return read


def _given(node: ast.Call, callee: Function, param: str) -> ast.expr | None:
    params = [name for name in callee.params if name not in ("self", "cls")]
    return argument(node, params.index(param), param)


_OTHER = frozenset({"os.access", "os.path.islink", "os.path.samefile"})
"""Questions that an `os.stat` does not answer."""
_ENTRY = re.compile(r"^(dir|src|sub)?_?entry$|dirent")
"""What `os.scandir` gives has the answers with it."""


def asked_again(project: Project, function: Function) -> Iterator[Finding]:
    """A property, or a getter given the same, that reads a file and is asked twice in one function."""
    first: dict[tuple[Function, str, str], Call] = {}
    for call in function.calls:
        callee = project.callee(call)
        if callee is None or call.place & (model.IN_GUARD | model.IN_IF | model.IN_EXCEPT) or callee.cached:
            continue
        if call.use == model.USE_DROPPED or not callee.own & fx.READ or callee.uses_mtime or callee.name == "__init__":
            continue
        reads = [inner for inner in callee.calls if inner.effects & fx.READ and not inner.place & model.IN_GUARD]
        if not reads or any(VOLATILE.search(path_text(inner)) for inner in reads):
            continue
        if call.node is None and not call.place & model.AS_ATTRIBUTE:
            continue
        given = "" if call.node is None else source(ast.Tuple([*call.node.args, *_values(call.node)]), 400)
        before = first.setdefault((callee, call.receiver, given), call)
        if before is not call and before.loop is call.loop and not _between(before, call):
            yield found(
                function, call.line, "read_twice", "4.2", "8.1", path=callee.qualname, call=f"{callee.qualname}"
            )
            return


def _values(node: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in node.keywords]


def _between(first: Call, second: Call) -> bool:
    """Whether something happens between two reads after which the file may be another, or the names stand for more."""
    function = first.function
    used = names(second.node) if second.node is not None else set()
    return any(
        call.effects & (fx.WRITE | fx.MOVE | fx.PROCESS | fx.SLEEP | fx.HTTP | fx.WAIT)
        for call in function.calls
        if first.line < call.line < second.line
    ) or (second.loop is not None and bool(used & second.loop.assigned.keys() - second.loop.targets))


def _branches(same: list[Call]) -> bool:
    """Whether the reads are alternatives: some stand under an `if`, in a handler, or in different loops."""
    return any(call.place & (model.IN_IF | model.IN_EXCEPT) for call in same[1:]) or same[0].loop is not same[1].loop


def _written_between(function: Function, path: str, same: list[Call]) -> bool:
    return any(
        call.effects & (fx.WRITE | fx.PROCESS)
        and same[0].line < call.line < same[1].line
        and path in source(call.node, 400)
        for call in function.calls
        if call.node is not None
    )
