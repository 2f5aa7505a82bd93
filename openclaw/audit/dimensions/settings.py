"""Settings, templates and other files that hardly change, read on every run. A part of dimension 8."""

from __future__ import annotations

import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function
from openclaw.audit.places import called_rarely, endless_loop, items_loop, path_of, path_text, pauses_long
from openclaw.audit.syntax import names, source
from openclaw.audit.values import CONFIG, STATE, STATIC, VOLATILE, fixed, leaf, written

_CONFIG_READERS = frozenset(
    ["configparser.ConfigParser.read", "configparser.RawConfigParser.read", "dotenv.load_dotenv"]
)
_TEMPLATE = re.compile(r"templ|tmpl|\.j2|prompt", re.IGNORECASE)


def repeated(function: Function) -> int:
    return function.heat & (model.HANDLER | model.ITEM | model.CYCLE | model.ENTRY)


def read_each_time(project: Project, call: Call, function: Function, told: set[tuple[str, int]]) -> Iterator[Finding]:
    """A file that hardly changes, read on every run of a function that is run all the time."""
    if (
        not call.effects & fx.READ
        or call.effects & (fx.WRITE | fx.CPU)
        or function.uses_mtime
        or function.name == "<module>"
    ):
        return
    if items_loop(call) is not None:
        return
    if call.node is None or (call.place & model.IN_EXCEPT):
        return
    path = path_of(call)
    words = path_text(call)
    config = call.name in _CONFIG_READERS or CONFIG.search(f"{words} {function.name}") is not None
    static = STATIC.search(f"{words} {function.name}") is not None
    steady = path is not None and fixed(path, function)
    around = endless_loop(call)
    heat = repeated(function)
    if around is not None:
        if pauses_long(project, around):
            return
    elif not heat & (model.HANDLER | model.ITEM | model.CYCLE) and not (
        steady and (config or static) and (heat & model.ENTRY or _getter(function))
    ):
        return
    remade = function.name == "__init__" and heat & model.HANDLER and steady
    stateful = STATE.search(leaf(words)) is not None and not remade
    templated = _TEMPLATE.search(f"{words} {function.name}") is not None or STATIC.search(words) is not None
    if VOLATILE.search(words) or (not config and not templated and not static and (stateful or not steady)):
        return
    if not steady and not config and not templated:
        return
    if heat == model.CYCLE and called_rarely(project, function):
        return
    if not remade and _written_here(function, source(path), config):
        return
    if (function.module.path, call.line) in told:
        return
    told.add((function.module.path, call.line))
    points = ("8.4", "8.1") if config else ("8.1",)
    severity = Severity.IMPORTANT
    yield found(
        function,
        call.line,
        "config_each" if config else "read_each",
        *points,
        severity=severity,
        path=source(path),
        call=source(call.node),
        by=function.heated_by or function.qualname,
    )


def _getter(function: Function) -> bool:
    """`get(section, key)`, `current_settings()`: asked by name for one value, each time from the file."""
    return (
        bool(
            re.match(
                r"_?(get|is|has|lookup|current|fetch|allowed|enabled|limit|quota|render|check|find|resolve|value|option|hooks)(_|$)",
                function.name,
            )
        )
        and function.name != "<module>"
    )


def _written_here(function: Function, path: str, config: bool) -> bool:
    """Whether the module also writes this path: then it is state. Settings may be saved, by another function."""
    for other in [function] if config else function.module.functions:
        for call in other.calls:
            if call.effects & fx.WRITE and call.node is not None and source(path_of(call)) == path:
                return True
    return False


def parsed_per_item(project: Project, function: Function, told: set[tuple[str, int]]) -> Iterator[Finding]:
    """A reader of another file's settings that is called for each item of a loop."""
    seen: set[str] = set()
    for call in function.calls:
        callee = project.callee(call)
        loop = items_loop(call)
        if callee is None or loop is None or callee.module is function.module or call.place & model.IN_GUARD:
            continue
        if callee.qualname in seen or not callee.own & fx.READ or callee.cached or callee.uses_mtime:
            continue
        reads = [
            inner
            for inner in callee.calls
            if inner.effects & fx.READ and not inner.place & model.IN_GUARD and inner.node is not None
        ]
        if reads and any(
            (inner.name in _CONFIG_READERS or CONFIG.search(f"{path_text(inner)} {callee.name}"))
            and fixed(path_of(inner), callee)
            for inner in reads
        ):
            seen.add(callee.qualname)
            yield found(
                function,
                call.line,
                "config_each",
                "8.4",
                "8.1",
                path=source(path_of(reads[0])),
                call=f"{callee.qualname}(…)",
                by=function.qualname,
            )


def handed_path(project: Project, function: Function, told: set[tuple[str, int]]) -> Iterator[Finding]:
    """A helper that reads whatever path it is given, given the same settings file on every run."""
    if not function.heat & (model.HANDLER | model.ITEM | model.CYCLE) or function.uses_mtime or function.cached:
        return
    for call in function.calls:
        callee = project.callee(call)
        if callee is None or call.node is None or not call.node.args or call.place & model.IN_GUARD or callee.cached:
            continue
        if not callee.own & fx.READ or callee.uses_mtime or not fixed(call.node.args[0], function):
            continue
        reads = [
            inner
            for inner in callee.calls
            if inner.effects & fx.READ and inner.node is not None and not inner.place & model.IN_GUARD
        ]
        params = [param for param in callee.params if param not in ("self", "cls")]
        words = written(call.node.args[0], function)
        if not reads or not params or not names(path_of(reads[0])) & {params[0]} or not _PATHLIKE.search(words):
            continue
        if (CONFIG.search(words) or STATIC.search(words)) and (function.module.path, reads[0].line) not in told:
            config = CONFIG.search(words) is not None
            yield found(
                function,
                call.line,
                "config_each" if config else "read_each",
                *(("8.4", "8.1") if config else ("8.1",)),
                path=source(call.node.args[0]),
                call=source(call.node),
                by=function.heated_by or function.qualname,
            )


_PATHLIKE = re.compile(r"/|\.[a-z]{2,5}\b")
