"""One file, read to the end: tree, declarations, bodies, and the rules that need its tree. Then the tree is let go."""

from __future__ import annotations

import ast

from openclaw.audit import model
from openclaw.audit.declare import Declarations
from openclaw.audit.dimensions import hints
from openclaw.audit.effects import BY_CALL
from openclaw.audit.model import Module
from openclaw.audit.scan import Scanner
from openclaw.audit.sources import Source, module_name
from openclaw.audit.typer import Typer


def module(source: Source) -> Module:
    """The module of a file. Its functions keep no statements, its calls only those nodes that a rule looks at later."""
    name, package = module_name(source.path)
    found = Module(source.path, name, package, lines=len(source.text.splitlines()), silenced=source.silenced)
    Declarations(found).read(source.tree)
    typer = Typer(found)
    for function in found.functions:
        Scanner(found, typer, function).run()
    for function in found.functions:
        function.hints = list(hints(found, typer, function))
    for function in found.functions:
        _let_go(function)
    return found


def _let_go(function: model.Function) -> None:
    function.node = None
    for loop in function.loops:
        loop.node = None
    matters = False
    own = f"{function.module.name}."
    for call in function.calls:
        if call.name in BY_CALL or call.method in _KEPT or call.name.partition(".")[0] in _LIBRARIES:
            matters = True
        elif call.loop is not None or call.method[:1].isupper() or _says(call) or call.name.startswith(own):
            continue
        else:
            call.node = None
    if not matters and function.owner is None and function.name != "<module>":
        function.values = {}


def _says(call: model.Call) -> bool:
    """Whether a call of an own helper has something written out in it: a command, a path."""
    return (
        call.node is not None
        and not call.name.startswith(("builtins.", "?"))
        and any(isinstance(given, ast.Constant | ast.List) for given in call.node.args[:1])
    )


_LIBRARIES = frozenset(
    ["http", "socket", "smtplib", "requests", "queue", "re", "json", "socketserver", "concurrent", "copy"]
)
_KEPT = frozenset(
    [
        "open",
        "Thread",
        "Timer",
        "Process",
        "submit",
        "map",
        "apply_async",
        "imap",
        "starmap",
        "wait",
        "join",
        "result",
        "acquire",
        "communicate",
        "HTTPServer",
        "TCPServer",
        "Session",
        "Queue",
        "dump",
        "load",
        "read",
        "addHandler",
    ]
)
