"""Dimension 4, disk: syncs for each record, listings and temporary files in loops, the same file read again."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module
from openclaw.audit.places import (
    endless_loop,
    is_hot,
    is_retry,
    items_loop,
    mode_of,
    path_of,
    path_text,
    sleep_of,
)
from openclaw.audit.syntax import argument, constant, names, source
from openclaw.audit.typer import Typer
from openclaw.audit.values import VOLATILE, fixed

RARE = 10.0
"""Seconds between syncs from which they are checkpoints."""
_COMMIT = re.compile(
    r"commit|checkpoint|snapshot|compact|rotate|flush|close|sync|batch|drain|shutdown|stop|save_all|many"
)
_STDOUT = re.compile(r"stdout|stderr|wfile|rfile|sock|wire|pipe|stdin")


def local(_module: Module, _typer: Typer, function: Function) -> Iterator[Hint]:
    """`name in os.listdir(…)`: a listing made to look for one name."""
    yield from _compared(function)
    for call in function.calls:
        if call.target == "in" and call.name in ("os.listdir", "glob.glob") and call.node is not None:
            yield Hint("listed_to_find", call.line, function, call.loop, {"call": source(call.node)})


def _compared(function: Function) -> Iterator[Hint]:
    """`getmtime(path) > getmtime(best)` in a loop: the best one is asked again in each turn."""
    asked: dict[tuple[int, str], Call] = {}
    for call in function.calls:
        if call.effects & fx.STAT and call.loop is not None and call.use == model.USE_TESTED and call.node is not None:
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


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "listed_to_find":
                yield found(function, hint.line, "listed_to_find", "4.4", facts=hint.facts)
            elif hint.rule == "looked_at_twice":
                yield found(function, hint.line, "looked_at_twice", "4.1", severity=Severity.MINOR, facts=hint.facts)
        yield from _syncs(project, function)
        for call in function.calls:
            if call.effects & fx.LIST:
                yield from _listing(call, function)
            elif call.effects & fx.TEMP:
                yield from _temporary(call, function)
            elif call.name in fx.OPENERS and call.node is not None:
                yield from _unbuffered(call, function)
        yield from _again(function)
        yield from _asked_again(project, function)
        yield from _heartbeat(project, function)


def _syncs(project: Project, function: Function) -> Iterator[Finding]:
    told = False
    for call in function.calls:
        if call.effects & (fx.SYNC | fx.FLUSH) and call.node is not None:
            if told and call.loop is None:
                continue
            if _each_time(project, call) and not (call.effects & fx.FLUSH and _followed(call, function)):
                told = True
                severity = (
                    Severity.CRITICAL
                    if call.effects & fx.SYNC and function.heat & model.HANDLER
                    else Severity.IMPORTANT
                )
                rule = "sync_each" if call.effects & fx.SYNC else "flush_each"
                yield found(function, call.line, rule, "4.3", severity=severity, call=source(call.node))
        elif (callee := project.callee(call)) is not None and callee.own & fx.SYNC and not is_hot_itself(callee):
            loop = items_loop(call)
            if (
                loop is not None
                and not is_retry(loop)
                and callee.module is not function.module
                and not _COMMIT.search(function.name)
            ):
                yield found(function, call.line, "sync_each", "4.3", call=f"{callee.qualname}(…)")


def is_hot_itself(function: Function) -> bool:
    return bool(function.heat & (model.HANDLER | model.CYCLE))


def _followed(call: Call, function: Function) -> bool:
    """A flush right before a sync belongs to it."""
    return any(other.effects & fx.SYNC and 0 <= other.line - call.line <= 2 for other in function.calls)


def _each_time(project: Project, call: Call) -> bool:
    function = call.function
    if _STDOUT.search(call.receiver):
        return False
    if items_loop(call) is not None and not is_retry(items_loop(call) or _never()):
        return True
    around = endless_loop(call)
    if around is not None:
        paused = sleep_of(project, around)
        if paused is not None and (paused[1] is None or paused[1] >= RARE):
            return False
        return not _collects(around)
    if _COMMIT.search(function.name) or function.name == "<module>":
        return False
    if function.heat & (model.HANDLER | model.ITEM):
        return True
    if function.heat & model.CYCLE:
        return not any(
            (loop := endless_loop(caller)) is not None and (_collects(loop) or _slow(project, loop))
            for caller in project.callers.get(function, ())
        )
    if function.loops:
        return False
    return _per_record(function)


def _never() -> Loop:
    raise AssertionError("unreachable")


def _slow(project: Project, loop: Loop) -> bool:
    paused = sleep_of(project, loop)
    return paused is not None and (paused[1] is None or paused[1] >= RARE)


def _collects(loop: Loop) -> bool:
    """Whether a turn first gathers what is there, and writes it with one sync: a group commit."""
    function = loop.function
    inner = [other for other in function.loops if other.parent is not None and loop in other.chain()[1:]]
    gathers = any(
        store.how in ("append", "extend") and store.loop in inner and "." not in store.owner
        for store in function.stores
    )
    drained = any(re.search(r"drain|batch|take_all|collect", call.name) for call in function.calls if call.loop is loop)
    return gathers or drained


def _per_record(function: Function) -> bool:
    """A function that appends what it is given."""
    return any(
        call.effects & fx.WRITE and call.name in fx.OPENERS and call.node is not None and "a" in mode_of(call)
        for call in function.calls
    ) or bool(
        function.heat & model.ENTRY
        and any(call.effects & (fx.FLUSH | fx.SYNC) and _held(call, function) for call in function.calls)
        and not any(call.name in ("os.replace", "os.rename") for call in function.calls)
    )


def _held(call: Call, function: Function) -> bool:
    """Whether a sync or flush is of a file that is kept open from call to call."""
    assert call.node is not None
    words = call.receiver or (source(call.node.args[0]) if call.node.args else "")
    return words.startswith(("self.", "cls.")) or words.split(".")[0] in function.module.values


def _listing(call: Call, function: Function) -> Iterator[Finding]:
    if call.name in ("shutil.rmtree", "shutil.copytree", "shutil.disk_usage") or call.node is None:
        return
    if call.target == "in" and call.name in ("os.listdir", "glob.glob"):
        return
    loop = items_loop(call)
    facts = {"call": source(call.node)}
    if loop is not None:
        if loop.kind == "while" and not loop.parent:
            return
        invariant = not any(names(arg) & {*loop.targets, *loop.assigned} for arg in [*call.node.args, call.node.func])
        if invariant or (function.heat & model.HANDLER and not _walks(loop)):
            yield found(function, call.line, "listing_in_loop", "4.4", facts=facts)
    elif (
        function.heat & model.HANDLER
        or (function.heat & model.ITEM and not function.heat & model.CYCLE and _steady(call))
        or (_recursive(call) and function.heat & model.CYCLE)
    ):
        yield found(function, call.line, "listing_hot", "4.4", facts=facts)
    elif function.heat & model.ENTRY and call.use == model.USE_ARGUMENT and call.target == "builtins.len":
        yield found(function, call.line, "listing_hot", "4.4", severity=Severity.MINOR, facts=facts)


def _steady(call: Call) -> bool:
    """Whether it is the same folder each time; a function that lists what it is given does what it is for."""
    path = path_of(call)
    return path is not None and fixed(path, call.function)


def _walks(loop: Loop) -> bool:
    """Whether the loop itself goes over a listing: listing what it finds is a walk of a tree."""
    return bool(re.search(r"listdir|scandir|iterdir|glob|walk|dirs|folders|roots|paths", source(loop.iterable)))


def _recursive(call: Call) -> bool:
    if call.name in ("os.walk", "pathlib.Path.rglob"):
        return True
    node = call.node
    return node is not None and any("**" in str(constant(arg)) for arg in node.args)


def _temporary(call: Call, function: Function) -> Iterator[Finding]:
    if call.node is None:
        return
    loop = items_loop(call)
    replaces = any(other.name in ("os.replace", "os.rename", "pathlib.Path.replace") for other in function.calls)
    if (
        (loop is not None and not is_retry(loop))
        or function.heat & model.HANDLER
        or (function.heat & model.ITEM and not replaces)
        or (function.heat & model.ENTRY and not replaces and not function.loops)
    ):
        yield found(function, call.line, "temporary_each", "4.5", call=source(call.node))


def _unbuffered(call: Call, function: Function) -> Iterator[Finding]:
    assert call.node is not None
    given = argument(call.node, 2, "buffering")
    if not function.loops and call.use == model.USE_WITH:
        return  # one write
    if constant(given) == 0 and set(mode_of(call)) & set("wa"):
        yield found(function, call.line, "unbuffered", "4.3", call=source(call.node))


def _again(function: Function) -> Iterator[Finding]:
    """The same path read in each turn of a loop, or twice in one function."""
    reads: dict[str, list[Call]] = defaultdict(list)
    looks: dict[str, list[Call]] = defaultdict(list)
    for call in function.calls:
        if call.place & model.IN_GUARD or call.node is None:
            continue
        path = path_of(call) if call.effects & (fx.READ | fx.STAT | fx.WRITE) and not call.effects & fx.CPU else None
        if path is None or call.name in ("shutil.copy", "shutil.copyfileobj"):
            continue
        if call.effects & fx.STAT:
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


def _asked_again(project: Project, function: Function) -> Iterator[Finding]:
    """A property, or a getter without arguments, that reads a file and is asked twice in one function."""
    first: dict[tuple[Function, str], Call] = {}
    for call in function.calls:
        callee = project.callee(call)
        if callee is None or call.place & (model.IN_GUARD | model.IN_IF | model.IN_EXCEPT) or callee.cached:
            continue
        asks = call.node is None or not (call.node.args or call.node.keywords)
        if not asks or not callee.own & fx.READ or callee.uses_mtime or callee.name == "__init__":
            continue
        if not any(inner.effects & fx.READ and not inner.place & model.IN_GUARD for inner in callee.calls):
            continue
        before = first.setdefault((callee, call.receiver), call)
        if before is not call and before.line != call.line and before.loop is call.loop:
            yield found(
                function, call.line, "read_twice", "4.2", "8.1", path=callee.qualname, call=f"{callee.qualname}"
            )
            return


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


def _heartbeat(project: Project, function: Function) -> Iterator[Finding]:
    """A small file written again and again, on a real disk."""
    for loop in function.loops:
        if not loop.endless:
            continue
        paused = sleep_of(project, loop)
        if paused is None or paused[1] is None or paused[1] > 2.0:
            continue
        for call in function.calls:
            if call.loop is None or loop not in call.loop.chain() or items_loop(call) is not None:
                continue
            writer = _writes_fixed(call)
            callee = project.callee(call)
            if writer is None and callee is not None:
                writer = next((w for inner in callee.calls if (w := _writes_fixed(inner)) is not None), None)
            if writer is not None:
                yield found(
                    call.function,
                    call.line,
                    "tmpfs",
                    "4.6",
                    "4.1",
                    path=source(path_of(writer)),
                    seconds=f"{paused[1]:g}",
                    call=source(writer.node),
                )
                break


def _writes_fixed(call: Call) -> Call | None:
    if not call.effects & fx.WRITE or call.node is None or call.effects & fx.READ:
        return None
    if call.name in fx.OPENERS and "a" in mode_of(call):
        return None
    path = path_of(call)
    if path is None or not fixed(path, call.function) or VOLATILE.search(path_text(call)):
        return None
    return call
