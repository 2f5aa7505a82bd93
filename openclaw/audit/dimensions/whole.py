"""What is read whole: files, bodies, downloads that may be large. A part of dimension 6."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, found
from openclaw.audit.model import Call, Function, Hint, Loop
from openclaw.audit.places import mode_of, path_of, path_text
from openclaw.audit.syntax import calls, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import CONFIG, STATIC, definition, fixed, leaf

_SMALL = re.compile(
    r"/proc|/sys/|pid\b|\.pid|version|token|secret|key\b|lock|state|status|meta|magic|header|schema|templ|index\.json|"
    r"manifest|\.json\b|marker|cursor|offset|stamp|etag|uptime|loadavg|meminfo|cgroup|hostname|/etc/",
    re.IGNORECASE,
)
_BIG = re.compile(
    r"\blogs?\b|\.log|log_|_log|archive|dump|export|\bdata\b|blob|history|journal|jsonl|\.csv|backup|upload|attach|"
    r"transcript|records?|event|report|trace|audit|metrics|body|payload|artifact|output|ndjson|access",
    re.IGNORECASE,
)


_LOADS = re.compile(r"_?(open|load|init|read_all|restore)")
"""Functions that take a file of the service's own into memory, once."""


def download(call: Call, function: Function) -> Iterator[Hint]:
    """`file.write(reply.content)`: the whole answer was in memory."""
    if call.node is None:
        return
    given = call.node.args[-1] if call.node.args else None
    content = isinstance(given, ast.Attribute) and given.attr == "content"
    if (content and call.method in ("write", "sha256", "update", "write_bytes")) or (
        call.method == "read" and call.target and _sent_on(call.node, call.target, function)
    ):
        yield Hint("whole_download", call.line, function, call.loop, {"call": source(call.node)})


def _sent_on(read: ast.Call, name: str, function: Function) -> bool:
    """Whether a handler reads all of another server's answer, and writes it to its own client."""
    return _of_reply(read, function) and any(
        text(found.func).endswith("wfile.write") and found.args and text(found.args[0]) == name
        for found in calls(function.node or read)
    )


def _of_reply(read: ast.Call, function: Function) -> bool:
    """`reply.read()` of all that another server answers, where it is sent on as it comes."""
    if not isinstance(read.func, ast.Attribute) or read.func.attr != "read" or read.args:
        return False
    given = definition(read.func.value, function)
    opened = [
        other.name for other in function.calls if other.use == model.USE_WITH and other.target == text(read.func.value)
    ]
    asked = text(given.func) if isinstance(given, ast.Call) else "".join(opened)
    return asked.endswith((".getresponse", "urlopen"))


def contents(typer: Typer, call: Call, function: Function) -> Iterator[Hint]:
    """A file read whole, where it may be large: by how it is opened, by its name, or by what is done with it."""
    if function.name == "<module>" or function.cached:
        return
    node = call.node
    assert node is not None
    facts = {"call": source(node), "path": ""}
    if call.name in ("builtins.list", "builtins.sorted") and node.args:
        kind = typer.of(node.args[0], function)
        if kind in ("csv.reader", "file", "binary"):
            yield Hint("whole_file", call.line, function, call.loop, facts)
        return
    opened, binary, steady = _opened_by(call, typer, function)
    words = f"{leaf(opened)} {function.name} {call.receiver} {function.owner.name if function.owner else ''}"
    if call.method == "readlines":
        held = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(held, ast.Call) and text(held.func) == "os.popen":
            return  # a command's output, no file
        if not CONFIG.search(opened) and not _SMALL.search(opened):
            yield Hint("whole_file", call.line, function, call.loop, facts)
        return
    if call.method == "read" and (
        node.args or node.keywords or (not opened and not call.name.startswith(("file.", "binary.")))
    ):
        return
    if call.method not in ("read", "read_text", "read_bytes"):
        return
    if CONFIG.search(opened) or STATIC.search(opened) or _SMALL.search(opened) or _parsed(call):
        return
    if (
        (binary and not (steady and _LOADS.match(function.name)))
        or (not steady and _passed_on(call))
        or _BIG.search(words)
        or (not steady and _taken_apart(call, function))
    ):
        facts["path"] = opened[:80]
        yield Hint("whole_file", call.line, function, call.loop, facts)


def _parsed(call: Call) -> bool:
    """Whether the content goes straight into a parser: one record, not a stream."""
    return call.use == model.USE_ARGUMENT and call.target.endswith(
        (".loads", "int", "float", ".fromstring", ".safe_load")
    )


def _passed_on(call: Call) -> bool:
    """Whether the content goes straight into another file."""
    return call.use == model.USE_ARGUMENT and call.target.rpartition(".")[2] in ("write", "write_text", "write_bytes")


def _taken_apart(call: Call, function: Function) -> bool:
    """Whether the content is then gone through line by line, searched or counted."""
    if call.use == model.USE_CHAINED:
        return call.target in ("splitlines", "split", "count")
    if call.use == model.USE_ASSIGNED and call.target:
        return any(
            other.receiver == call.target and other.method in ("splitlines", "split", "count")
            for other in function.calls
        ) or (
            function.node is not None
            and any(
                text(found.func) in (f"{call.target}.splitlines", f"{call.target}.split", f"{call.target}.count")
                for found in calls(function.node)
            )
        )
    return False


def _opened_by(call: Call, typer: Typer, function: Function) -> tuple[str, bool, bool]:
    """(the text of the path, whether binary, whether it is always the same one) of the file that is read."""
    if call.name.startswith("pathlib.Path."):
        return path_text(call), call.method == "read_bytes", fixed(path_of(call), function)
    if call.node is None or not isinstance(call.node.func, ast.Attribute):
        return "", False, False
    held = call.node.func.value
    for other in function.calls:
        if other.name not in fx.OPENERS or other.line > call.line:
            continue
        if other.node is held or (other.target and other.target == text(held)):
            mode = mode_of(other)
            binary = "b" in mode or (other.name in ("gzip.open", "bz2.open") and "t" not in mode)
            return path_text(other), binary, fixed(path_of(other), function)
    return "", typer.of(held, function) == "binary", False


def all_contents(loop: Loop, typer: Typer, function: Function) -> Iterator[Hint]:
    """A comprehension that keeps the contents of all files it goes over."""
    node = loop.node
    assert isinstance(node, ast.ListComp | ast.DictComp)
    value = node.value if isinstance(node, ast.DictComp) else node.elt
    for call in calls(value):
        name = typer.name(call.func, function)
        if (
            name.rpartition(".")[2] in ("read", "read_text", "read_bytes")
            and not call.args
            and call is value
            and isinstance(call.func, ast.Attribute)
            and not CONFIG.search(source(loop.iterable))
        ):
            yield Hint("whole_files", node.lineno, function, loop, {"call": source(node)})
            return
    if (
        loop.iterable is not None
        and typer.of(loop.iterable, function) in ("file", "binary", "csv.reader")
        and isinstance(node, ast.ListComp)
        and not _small_source(loop, function)
    ):
        yield Hint("whole_file", node.lineno, function, loop, {"call": source(node), "path": ""})


def _small_source(loop: Loop, function: Function) -> bool:
    """Whether a loop goes over a file of settings."""
    opened = [call for call in function.calls if call.name in fx.OPENERS and call.target in ("", text(loop.iterable))]
    return any(CONFIG.search(path_text(call)) for call in opened)


def bodies(call: Call, function: Function) -> Iterator[Finding]:
    """A request's body, or a download, taken whole whatever its size."""
    node = call.node
    if node is None:
        return
    if call.method == "read" and call.receiver == "self.rfile" and not call.place & model.IN_LAMBDA:
        given = node.args[0] if node.args else None
        if given is None or not _checked(given, function):
            yield found(function, call.line, "whole_body", "6.1", call=source(node))


def _checked(given: ast.expr, function: Function) -> bool:
    """Whether a length is compared with something, or cut by min(), in the function."""
    if isinstance(given, ast.Constant):
        return True
    value = definition(given, function) if isinstance(given, ast.Name) else given
    if value is not None and any(text(call.func) == "min" for call in calls(value)):
        return True
    return isinstance(given, ast.Name) and given.id in function.compared
