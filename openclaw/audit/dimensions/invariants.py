"""What is computed again in each turn of a loop, of what the loop does not change. A part of dimension 8."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openclaw.audit import model
from openclaw.audit.finding import Finding, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Loop
from openclaw.audit.places import items_loop
from openclaw.audit.syntax import names, source
from openclaw.audit.typer import Typer

_PURE = frozenset(
    [
        "re.compile",
        "builtins.sorted",
        "json.dumps",
        "json.loads",
        "hashlib.sha256",
        "hashlib.md5",
        "hashlib.sha1",
        "fnmatch.translate",
        "ast.literal_eval",
        "copy.deepcopy",
        "zlib.compress",
        "gzip.compress",
        "base64.b64encode",
        "ipaddress.ip_network",
        "ipaddress.ip_address",
        "datetime.datetime.strptime",
        "string.Template",
        "builtins.sum",
        "shlex.split",
        "urllib.parse.urlparse",
        "statistics.mean",
        "statistics.median",
        "os.path.realpath",
        "textwrap.dedent",
        "hashlib.pbkdf2_hmac",
        "builtins.frozenset",
        "builtins.set",
        "collections.Counter",
        "datetime.datetime.fromisoformat",
        "html.escape",
        "builtins.max",
        "builtins.min",
        "yaml.safe_load",
        "builtins.compile",
        "builtins.eval",
        "inspect.signature",
        "itertools.permutations",
    ]
)


_HEAVY = _PURE - {
    "builtins.max",
    "builtins.min",
    "builtins.sum",
    "builtins.frozenset",
    "builtins.set",
    "builtins.sorted",
}


def _outside(call: Call) -> bool:
    """Whether a call in the header of a loop stands in another loop, whose turns do not change what it is given."""
    around = call.loop
    return (
        around is not None
        and items_loop(call) is not None
        and around.kind == "for"
        and call.node is not None
        and isinstance(call.node.args[0], ast.Name)
    )


def _again(call: Call, loop: Loop, used: set[str]) -> bool:
    """Whether the inner of two loops computes of its own items alone: the same again in each turn of the outer one."""
    outer = loop.parent
    if outer is None or outer.endless or outer.kind == "while" or call.name not in _EACH or call.loop is not loop:
        return False
    around = {*outer.targets, *(name for name, line in outer.assigned.items() if line != loop.line)} - loop.targets
    return (
        loop.iterable is not None
        and loop.kind != "while"
        and bool(used & loop.targets)
        and not used & {*around, *loop.assigned}
        and not names(loop.iterable) & around
    )


_EACH = frozenset({"re.compile", "fnmatch.translate", "ipaddress.ip_network", "datetime.datetime.strptime"})


def _stable(node: ast.Call, typer: Typer, function: Function) -> bool:
    return typer.name(node.func, function).rpartition(".")[2] in (
        "encode",
        "values",
        "keys",
        "items",
        "str",
        "join",
        "lower",
        "strip",
        "escape",
        "format",
        "split",
        "splitlines",
        "upper",
        "casefold",
        "set",
        "frozenset",
        "list",
        "tuple",
        "len",
        "sorted",
    )


def computed_again(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    """A function of the project that only computes, given the same in each turn of a loop."""
    callee, loop = project.callee(call), items_loop(call)
    if callee is None or loop is None or call.node is None or call.place & (model.IN_HEADER | model.IN_EXCEPT):
        return
    if not all(isinstance(given, ast.Name | ast.Constant) for given in call.node.args):
        return
    used = names(call.node) - {callee.name}
    carried = {name for around in loop.chain() for name in (*around.targets, *around.assigned)}
    local = used & {*function.params, *function.values}
    if not local or used & carried or used & function.module.evicted or not _computes_only(project, callee, 0):
        return
    if any(store.owner.split(".")[0] in used and store.how != "in" for store in function.stores):
        return
    yield found(function, call.line, "invariant", "8.2", call=source(call.node))


def _computes_only(project: Project, function: Function, depth: int) -> bool:
    """Whether a plain function only works on what it is given, and works on all of it."""
    if function.owner is not None or function.outer is not None or function.cached or function.yields or depth > 2:
        return False
    if function.effects or function.locks or any(store.owner in function.module.values for store in function.stores):
        return False
    works = bool(function.loops)
    for call in function.calls:
        callee = project.callee(call)
        if callee is not None:
            if not _computes_only(project, callee, depth + 1):
                return False
            works = True
        elif not call.name.startswith(_COMPUTING):
            return False
    return works


_COMPUTING = ("builtins.", "math.", "str.", "list.", "dict.", "re.", "float.", "int.", "tuple.", "collections.")
