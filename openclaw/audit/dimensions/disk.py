"""Dimension 4, disk: syncs for each record, listings and temporary files in loops, the same file read again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions.rereads import asked_again, compared, read_again, read_per_item
from openclaw.audit.dimensions.syncs import syncs, unbuffered
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Loop, Module
from openclaw.audit.once import is_once
from openclaw.audit.places import (
    called_rarely,
    is_retry,
    items_loop,
    mode_of,
    path_of,
    path_text,
    sleep_of,
)
from openclaw.audit.syntax import constant, names, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import VOLATILE, fixed


def local(_module: Module, _typer: Typer, function: Function) -> Iterator[Hint]:
    """`name in os.listdir(…)`: a listing made to look for one name."""
    yield from compared(function)
    for call in function.calls:
        if call.target == "in" and call.name in ("os.listdir", "glob.glob") and call.node is not None:
            yield Hint("listed_to_find", call.line, function, call.loop, {"call": source(call.node)})


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "listed_to_find":
                yield found(function, hint.line, "listed_to_find", "4.4", facts=hint.facts)
            elif hint.rule == "looked_at_twice":
                yield found(function, hint.line, "looked_at_twice", "4.1", severity=Severity.MINOR, facts=hint.facts)
        yield from syncs(project, function)
        for call in function.calls:
            if call.effects & fx.LIST:
                yield from _listing(project, call, function)
            elif call.effects & fx.TEMP:
                yield from _temporary(call, function)
            elif call.name in fx.OPENERS and call.node is not None:
                yield from unbuffered(call, function)
        yield from read_again(function)
        yield from asked_again(project, function)
        yield from read_per_item(project, function)
        yield from _heartbeat(project, function)
        yield from _all_for_one(function)


def _all_for_one(function: Function) -> Iterator[Finding]:
    """One item added to a collection, and all of the collection written to its file."""
    if is_once(function) or not function.heat:
        return
    added = {store.owner for store in function.stores if store.loop is None and store.how in ("append", "[]=", "add")}
    for call in function.calls:
        if call.name not in ("json.dump", "pickle.dump") or call.node is None or call.loop is not None:
            continue
        whole = text(call.node.args[0]) if call.node.args else ""
        lasting = whole.startswith("self.") or (whole in function.module.values and whole not in function.values)
        if whole in added and lasting and call.lock is None:
            opened = [other for other in function.calls if other.name in fx.OPENERS and other.line <= call.line]
            line = opened[-1].line if opened else call.line
            yield found(function, line, "all_for_one", "4.1", "7.5", call=source(call.node), name=whole)
            return


def _listing(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    if call.name in ("shutil.rmtree", "shutil.copytree", "shutil.disk_usage") or call.node is None:
        return
    if call.target == "in" and call.name in ("os.listdir", "glob.glob"):
        return
    loop = items_loop(call)
    facts = {"call": source(call.node)}
    if _counted_down(project, call):
        yield found(function, call.line, "listing_in_loop", "4.4", facts=facts)
        return
    if loop is not None:
        if loop.kind == "while" and not loop.parent:
            return
        invariant = not any(names(arg) & {*loop.targets, *loop.assigned} for arg in [*call.node.args, call.node.func])
        if invariant or (function.heat & model.HANDLER and not _walks(loop)):
            yield found(function, call.line, "listing_in_loop", "4.4", facts=facts)
    elif (
        function.heat & model.HANDLER
        or (function.heat & model.ITEM and not function.heat & model.CYCLE and _steady(call))
        or (_recursive(call) and function.heat & model.CYCLE and not called_rarely(project, function))
    ) or (function.heat and _for_one(call)):
        yield found(function, call.line, "listing_hot", "4.4", facts=facts)
    elif function.heat & model.ENTRY and call.use == model.USE_ARGUMENT and call.target == "builtins.len":
        yield found(function, call.line, "listing_hot", "4.4", severity=Severity.MINOR, facts=facts)


def _counted_down(project: Project, call: Call) -> bool:
    """`while len(os.listdir(folder)) > most:` listed anew for each file that is removed."""
    loop = call.loop
    return (
        loop is not None
        and loop.kind == "while"
        and bool(call.place & model.IN_HEADER)
        and call.target == "builtins.len"
        and sleep_of(project, loop) is None
    )


def _for_one(call: Call) -> bool:
    """`for path in sorted(folder.iterdir()): … return item`: a whole folder listed and sorted to take one name."""
    if call.use != model.USE_ARGUMENT or call.target != "builtins.sorted":
        return False
    around = [loop for loop in call.function.loops if loop.kind == "for" and loop.line == call.line]
    return bool(around) and around[0].leaves > 0 and not around[0].parent


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
        or (function.heat & model.ENTRY and not replaces and not function.loops and not function.yields)
    ):
        yield found(function, call.line, "temporary_each", "4.5", call=source(call.node))


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
