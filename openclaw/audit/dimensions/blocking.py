"""Dimension 1, I/O blocking: no time limits, handles nobody closes, waits in request handlers, I/O under file locks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.dimensions import handles
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Module
from openclaw.audit.places import path_of, path_text, single_threaded
from openclaw.audit.syntax import argument, changed, has_star, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import CONFIG, STATE, VOLATILE, definition, fixed, leaf, number

EXCESSIVE = 120.0
"""Seconds; a limit from here on holds a thread as long as none would."""

_POSITIONS: dict[str, int | None] = {
    **{f"requests.{verb}": None for verb in fx.VERBS},
    **{f"requests.Session.{verb}": None for verb in fx.VERBS},
    "requests.Session.send": None,
    "urllib.request.urlopen": 2,
    "urllib.request.OpenerDirector.open": 2,
    "http.client.HTTPConnection": 2,
    "http.client.HTTPSConnection": 2,
    "socket.create_connection": 1,
    "smtplib.SMTP": 3,
    "smtplib.SMTP_SSL": None,
    "ftplib.FTP": 4,
    "ftplib.FTP_TLS": None,
    "imaplib.IMAP4": 2,
    "imaplib.IMAP4_SSL": None,
    "poplib.POP3": 2,
    "poplib.POP3_SSL": None,
    "telnetlib.Telnet": 2,
}
"""Calls that wait for a network → the position of their time limit (None: by keyword alone)."""


def local(_module: Module, _typer: Typer, function: Function) -> Iterator[Hint]:
    return handles.unclosed(function)


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for hint in function.hints:
            if hint.rule == "open_leak":
                yield found(function, hint.line, "open_leak", "1.4", facts=hint.facts)
            elif hint.rule == "no_timeout" and not function.module.default_timeout:
                yield found(function, hint.line, "no_timeout", "1.3", severity=Severity.CRITICAL, facts=hint.facts)
        for call in function.calls:
            if call.node is not None and call.name in _POSITIONS:
                yield from _timeout(call, function)
        if function.asynchronous:
            yield from _holds_up(project, function)
        else:
            yield from _waits(project, function)


def _holds_up(project: Project, function: Function) -> Iterator[Finding]:
    """What waits in an `async def` without `await`: nothing else of its event loop runs meanwhile."""
    for call in function.calls:
        if call.place & model.IN_LAMBDA or call.node is None or call.awaited:
            continue
        callee = project.callee(call)
        deep = callee.effects & fx.BLOCKING if callee is not None and not callee.asynchronous else 0
        own = call.effects & (fx.BLOCKING | fx.READ | fx.WRITE | fx.SYNC | fx.DNS) and call.name != _PAUSE
        if own or deep:
            blocking = (call.effects | deep) & fx.BLOCKING
            severity = Severity.CRITICAL if blocking else Severity.IMPORTANT
            points = ("1.1",) if blocking else ("1.1", "1.2")
            yield found(function, call.line, "async_block", *points, severity=severity, call=source(call.node))


_PAUSE = "asyncio.sleep"


def _timeout(call: Call, function: Function) -> Iterator[Finding]:
    node = call.node
    assert node is not None
    if function.module.default_timeout or has_star(node) or _adapted(call, function):
        return
    given = argument(node, _POSITIONS[call.name], "timeout") or _bound(node, function)
    limit_wanted = "(3, 10)" if call.name.startswith("requests.") else "10"
    kept = ast.Call(node.func, [arg for arg in node.args if arg is not given], node.keywords)
    facts = {"call": source(node), "limit": source(given), "fixed": changed(kept, timeout=limit_wanted)}
    if given is None or constant_none(given):
        yield found(function, call.line, "no_timeout", "1.3", severity=Severity.CRITICAL, facts=facts)
        return
    parts = given.elts if isinstance(given, ast.Tuple) else [given]
    if any(constant_none(part) for part in parts):
        yield found(function, call.line, "no_timeout", "1.3", severity=Severity.CRITICAL, facts=facts)
        return
    limits = [limit for part in parts if (limit := number(part, function)) is not None]
    named = definition(given, function)
    if named is not None and constant_none(named) and not _is_parameter(given, function):
        yield found(function, call.line, "no_timeout", "1.3", severity=Severity.CRITICAL, facts=facts)
    elif isinstance(named, ast.Tuple):
        limits = [limit for part in named.elts if (limit := number(part, function)) is not None]
    if limits and max(limits) >= EXCESSIVE:
        facts["limit"] = f"{max(limits):g}"
        yield found(function, call.line, "long_timeout", "1.3", facts=facts)


def _is_parameter(node: ast.expr, function: Function) -> bool:
    return isinstance(node, ast.Name) and node.id in function.params


def constant_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _adapted(call: Call, function: Function) -> bool:
    """Whether a session sets the limit itself: an adapter is mounted, or its class overrides `request` or `send`."""
    if not call.name.startswith("requests.Session."):
        return False
    module = function.module
    for cls in module.classes.values():
        if (
            any("Adapter" in base or base.endswith("Session") for base in cls.bases)
            and {"send", "request"} & cls.methods.keys()
        ):
            return True
    return module.session_timeout


def _bound(node: ast.Call, function: Function) -> ast.expr | None:
    """The time limit that `functools.partial` has given to what is called."""
    made = definition(node.func, function) if isinstance(node.func, ast.Name | ast.Attribute) else None
    if isinstance(made, ast.Call) and text(made.func).endswith("partial"):
        return argument(made, None, "timeout")
    return None


def _same_file(call: Call, function: Function) -> bool:
    """Whether every request opens one and the same file; settings, which a cache would serve, are dimension 8's."""
    if not call.effects & (fx.READ | fx.WRITE) or call.effects & fx.CPU or call.node is None:
        return False
    if call.place & (model.IN_GUARD | model.IN_EXCEPT | model.IN_LAMBDA) or function.uses_mtime or function.cached:
        return False
    path, words = path_of(call), path_text(call)
    if path is None or not fixed(path, function) or "self." in words or VOLATILE.search(words):
        return False
    if call.effects & fx.WRITE:
        return not any(other.name in ("os.replace", "os.rename") for other in function.calls)
    return STATE.search(leaf(words)) is not None and not CONFIG.search(f"{words} {function.name}")


_WAITED = frozenset({"queue.Queue.get", "queue.SimpleQueue.get", "threading.Event.wait", "threading.Condition.wait"})
"""Waits for somebody else, without a limit where they are given no argument."""


def _mails(function: Function) -> bool:
    """Whether a helper itself talks to a mail server."""
    return any(call.name in ("smtplib.SMTP", "smtplib.SMTP_SSL") for call in function.calls)


def _waits(project: Project, function: Function) -> Iterator[Finding]:
    """What a request handler waits for: a pause, another service, mail, a future."""
    if not function.heat & model.HANDLER:
        return
    for call in function.calls:
        if _same_file(call, function):
            yield found(function, call.line, "handler_file", "1.2", "7.5", call=source(call.node))
        if call.name == "time.sleep" and call.loop is None and call.node is not None and call.node.args:
            seconds = number(call.node.args[0], function)
            if seconds is None or seconds >= 0.05:
                yield found(function, call.line, "handler_sleep", "1.1", call=source(call.node))
        elif call.name in _WAITED and call.node is not None and not (call.node.args or call.node.keywords):
            yield found(function, call.line, "handler_wait", "1.1", "1.3", call=source(call.node))
        elif (callee := project.callee(call)) is not None and _mails(callee) and call.use == model.USE_DROPPED:
            yield found(function, call.line, "handler_wait", "1.1", "2.3", call=source(call.node) or callee.qualname)
        elif call.effects & fx.CONNECT and call.name.startswith("smtplib") and call.node is not None:
            if call.method.startswith("SMTP") and argument(call.node, 3, "timeout") is not None:
                yield found(function, call.line, "handler_wait", "1.1", call=source(call.node))
        elif (
            call.effects & fx.HTTP
            and call.node is not None
            and single_threaded(function)
            and argument(call.node, None, "timeout") is not None
            and call.use != model.USE_DROPPED
        ):
            yield found(function, call.line, "handler_wait", "1.1", call=source(call.node))
