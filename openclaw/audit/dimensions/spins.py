"""Loops that only spin: nothing in their turn waits, and nothing in it gets anywhere. A part of dimension 3."""

from __future__ import annotations

import ast

from openclaw.audit.model import Call, Function, Loop
from openclaw.audit.syntax import argument, calls, constant, ends, text, walk
from openclaw.audit.typer import Typer

POLLS = frozenset(
    [
        "poll",
        "is_alive",
        "done",
        "empty",
        "is_set",
        "exists",
        "locked",
        "running",
        "ready",
        "qsize",
        "finished",
        "isfile",
        "is_file",
        "get_nowait",
    ]
)
_BLOCKS = frozenset(
    [
        "wait",
        "get",
        "join",
        "recv",
        "recv_into",
        "recvfrom",
        "accept",
        "select",
        "poll",
        "read",
        "readline",
        "communicate",
        "acquire",
        "result",
        "sleep",
        "pause",
        "sigwait",
        "serve_forever",
        "handle_request",
        "input",
        "readinto",
        "sigwaitinfo",
        "sigtimedwait",
        "control",
        "waitpid",
        "wait4",
        "getch",
        "as_completed",
        "flock",
        "lockf",
        "send",
        "sendall",
        "recv_bytes",
        "epoll_wait",
        "readlines",
    ]
)
_REFUSED = frozenset(["ConnectionError", "ConnectionRefusedError", "OSError", "URLError", "RequestException"])
"""What fails at once where the other side is not there: tried again without a pause, it spins."""
_EMPTY = frozenset({"Empty", "BlockingIOError", "IndexError", "KeyError"})


def spins(node: ast.While, loop: Loop, typer: Typer, function: Function) -> bool:
    body = node.body
    if all(_idle(statement) for statement in body):
        if isinstance(node.test, ast.Call) and text(node.test.func).endswith(".acquire"):
            return False  # takes all that there is
        return all(_only_asks(call) for call in calls(node))
    if not (loop.endless or loop.deadline):
        return False
    inner = [call for part in body for call in calls(part)]
    if any(
        typer.name(call.func, function) == "select.select" and _zero(argument(call, 3, "timeout")) for call in inner
    ):
        return True
    if any(_polls_selector(call, typer, function) for call in inner):
        return True
    if _turned_away(body):
        return True
    if _reads_the_end(body, typer, function):
        return True
    refused = any(isinstance(part, ast.Try) and _would_block(part) for part in body)
    if any(_blocks(call) and not (refused and _reads(call)) for call in inner):
        return False
    return any(_gives_up(statement) for statement in body)


def _polls_selector(call: ast.Call, typer: Typer, function: Function) -> bool:
    """`selector.select(timeout=0)`, `poll.poll(0)`: asked whether something is ready, and asked again at once."""
    name = typer.name(call.func, function)
    if not name.startswith(("selectors.", "select.")) or name.rpartition(".")[2] not in ("select", "poll"):
        return False
    return name != "select.select" and _zero(argument(call, 0, "timeout"))


def _reads_the_end(body: list[ast.stmt], typer: Typer, function: Function) -> bool:
    """`line = file.readline()`, `if not line: continue`: at a file's end a read returns at once, with nothing."""
    read = ""
    for part in body:
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call):
            name = typer.name(part.value.func, function)
            if name in ("file.readline", "file.read", "binary.readline", "binary.read", "file.readlines"):
                read = text(part.targets[0])
                continue
        if not read:
            return False
        if any(_blocks(call) for call in calls(part)):
            return False
        if isinstance(part, ast.If) and all(_idle(statement) for statement in part.body) and not part.orelse:
            test = part.test
            return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and text(test.operand) == read
    return False


def _turned_away(body: list[ast.stmt]) -> bool:
    """`if queue.empty(): continue` before anything in the turn that waits."""
    for part in body:
        if isinstance(part, ast.If) and _gives_up(part) and not any(_blocks(call) for call in calls(part.test)):
            return True
        if any(_blocks(call) for call in calls(part)):
            return False
    return False


def may_spin(node: ast.While, loop: Loop) -> bool:
    """`while True: item = take(); if item: work(item)`, where nothing leaves the loop: what `take` does decides."""
    taken = {
        target.id
        for part in node.body
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call)
        for target in part.targets
        if isinstance(target, ast.Name)
    }
    if loop.leaves == 0 and asks_the_clock(node):
        return True
    return loop.leaves == 0 and any(
        isinstance(part, ast.If) and taken & {found.id for found in walk(part.test) if isinstance(found, ast.Name)}
        for part in node.body
    )


def asks_the_clock(node: ast.While) -> bool:
    """Whether a turn decides by the time of day or a clock what is due."""
    return any(
        text(call.func) in ("time.time", "time.monotonic", "time.perf_counter") or text(call.func).endswith(".now")
        for found in walk(node)
        if isinstance(found, ast.If)
        for call in calls(found.test)
    )


def blocks_by_name(call: Call) -> bool:
    """Whether a call is of a kind that waits; `d.get(key)` is not."""
    if call.method not in _BLOCKS:
        return False
    return not (
        call.method in ("get", "read", "readlines") and (call.effects or call.name.startswith(("file", "dict")))
    )


def _would_block(node: ast.Try) -> bool:
    return any("BlockingIOError" in _names(handler.type) for handler in node.handlers)


def _reads(call: ast.Call) -> bool:
    """Calls that return at once from a descriptor that does not block."""
    return text(call.func).rpartition(".")[2] in ("recv", "recv_into", "recvfrom", "accept", "read", "send", "readline")


def _only_asks(call: ast.Call) -> bool:
    """Whether a call only looks whether it is time yet; any other may do the loop's work."""
    last = text(call.func).rpartition(".")[2]
    return (last in POLLS or last in _CLOCKS or last == "sleep") and not _blocks(call)


_CLOCKS = frozenset({"time", "monotonic", "perf_counter", "len", "getattr", "is_done", "get", "acquire", "is_ready"})


def _idle(node: ast.stmt) -> bool:
    """`pass`, `continue`, a docstring, `time.sleep(0)`."""
    if isinstance(node, ast.Pass | ast.Continue):
        return True
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return True
    call = node.value
    return isinstance(call, ast.Call) and text(call.func).endswith("sleep") and bool(call.args) and _zero(call.args[0])


def _zero(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, 0.0)


def _blocks(call: ast.Call) -> bool:
    name = text(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")
    if name not in _BLOCKS:
        return False
    if name == "sleep" and call.args and _zero(call.args[0]):
        return False
    if name in ("acquire", "get", "wait") and any(constant(arg) is False for arg in [*call.args, *_values(call)]):
        return False
    return not (name == "get" and call.args and not _values(call))


def _values(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords]


def _gives_up(node: ast.stmt) -> bool:
    """`try: x = q.get_nowait() except Empty: continue`, or `if not ready: continue`."""
    if isinstance(node, ast.Try):
        again = _EMPTY | _REFUSED if ends(node.body) else _EMPTY
        if not any(text(call.func) for part in node.body for call in calls(part)):
            return False  # looks into what it has
        return any(
            (_names(handler.type) & again) and all(_idle(statement) for statement in handler.body)
            for handler in node.handlers
        )
    if isinstance(node, ast.If) and all(_idle(statement) for statement in node.body) and not node.orelse:
        return any(text(call.func).rpartition(".")[2] in POLLS for call in calls(node.test)) or (
            isinstance(node.test, ast.UnaryOp) and isinstance(node.test.operand, ast.Name | ast.Attribute)
        )
    return False


def _names(node: ast.expr | None) -> set[str]:
    parts = node.elts if isinstance(node, ast.Tuple) else [node] if node is not None else []
    return {text(part).rpartition(".")[2] for part in parts}
