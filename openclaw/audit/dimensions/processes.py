"""Dimension 5, expensive subprocesses: how many, for what, through a shell, without limits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit import model
from openclaw.audit.finding import Finding, Severity, found
from openclaw.audit.link import Project
from openclaw.audit.model import Call, Function, Hint, Module
from openclaw.audit.places import called_rarely, endless_loop, is_counted, is_retry, items_loop, pauses_long
from openclaw.audit.syntax import argument, constant, has_star, is_true, source, text
from openclaw.audit.typer import Typer
from openclaw.audit.values import definition

_WAITS = frozenset(["subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"])
_SHELLS = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})
INSTEAD = {
    "ls": "os.scandir(path)",
    "cat": "open(path).read()",
    "cp": "shutil.copy2(source, target)",
    "mv": "os.replace(source, target)",
    "rm": "os.unlink(path)  # shutil.rmtree(path)",
    "mkdir": "os.makedirs(path, exist_ok=True)",
    "rmdir": "os.rmdir(path)",
    "touch": "pathlib.Path(path).touch()",
    "ln": "os.symlink(source, target)",
    "chmod": "os.chmod(path, mode)",
    "chown": "shutil.chown(path, user)",
    "date": "datetime.datetime.now().isoformat()",
    "hostname": "socket.gethostname()",
    "whoami": "getpass.getuser()",
    "id": "os.getuid()",
    "uname": "os.uname()",
    "nproc": "os.cpu_count()",
    "pwd": "os.getcwd()",
    "echo": "file.write(text)",
    "env": "os.environ",
    "printenv": "os.environ",
    "df": "shutil.disk_usage(path)",
    "du": "sum(entry.stat().st_size for entry in os.scandir(path))",
    "wc": "sum(1 for _ in file)",
    "grep": "[line for line in file if pattern.search(line)]",
    "head": "itertools.islice(file, n)",
    "tail": "collections.deque(file, n)",
    "sort": "sorted(lines)",
    "uniq": "dict.fromkeys(lines)",
    "cut": "line.split(separator)",
    "sed": "pattern.sub(new, text)",
    "awk": "line.split()",
    "find": "pathlib.Path(path).rglob(pattern)",
    "test": "os.path.exists(path)",
    "stat": "os.stat(path)",
    "readlink": "os.readlink(path)",
    "realpath": "os.path.realpath(path)",
    "basename": "os.path.basename(path)",
    "dirname": "os.path.dirname(path)",
    "which": "shutil.which(name)",
    "sleep": "time.sleep(seconds)",
    "kill": "os.kill(pid, signal.SIGTERM)",
    "pkill": "os.kill(pid, signal.SIGTERM)",
    "ps": "os.listdir('/proc')",
    "pgrep": "os.listdir('/proc')",
    "free": "open('/proc/meminfo').read()",
    "uptime": "os.getloadavg()",
    "tar": "tarfile.open(path, mode)",
    "zip": "zipfile.ZipFile(path, 'w')",
    "unzip": "zipfile.ZipFile(path).extractall(target)",
    "gzip": "gzip.open(path, 'wb')",
    "gunzip": "gzip.open(path, 'rb')",
    "md5sum": "hashlib.file_digest(file, 'md5')",
    "sha1sum": "hashlib.file_digest(file, 'sha1')",
    "sha256sum": "hashlib.file_digest(file, 'sha256')",
    "base64": "base64.b64encode(data)",
    "curl": "session.get(url, timeout=(3, 10))",
    "wget": "session.get(url, timeout=(3, 10), stream=True)",
    "host": "socket.getaddrinfo(name, None)",
    "nslookup": "socket.getaddrinfo(name, None)",
    "mktemp": "tempfile.mkstemp()",
    "tee": "file.write(text)",
    "getent": "pwd.getpwnam(name)",
    "cmp": "filecmp.cmp(a, b, shallow=False)",
    "diff": "difflib.unified_diff(a, b)",
    "truncate": "os.truncate(path, size)",
    "nc": "socket.create_connection(address, timeout=3)",
    "jq": "json.loads(text)",
}
"""Command → what the standard library does in its place."""

_KILLS = frozenset({"kill", "terminate", "send_signal"})


def local(_module: Module, _typer: Typer, _function: Function) -> Iterator[Hint]:
    return iter(())


def project(project: Project) -> Iterator[Finding]:
    for function in project.functions:
        for call in function.calls:
            if call.effects & fx.PROCESS and call.node is not None:
                yield from _started(project, call, function)
            elif call.node is not None and call.method in ("wait", "communicate"):
                yield from _waited(call, function)
            elif (callee := project.callee(call)) is not None and project.effects(call) & fx.PROCESS:
                yield from _through(call, callee, function)
                yield from _wrapped(call, callee, function)
                yield from _many(project, call, callee, function)


def _started(project: Project, call: Call, function: Function) -> Iterator[Finding]:
    node = call.node
    assert node is not None
    points: list[str] = []
    command = _command(call, function)
    shell = call.name in _SHELLS or is_true(argument(node, None, "shell"))
    loop = items_loop(call)
    hot = function.heat & (model.HANDLER | model.ITEM | model.CYCLE)
    unlimited = (call.name in _WAITS or call.name in _SHELLS) and not _limited(node)
    if unlimited:
        points.append("5.4")
    if shell:
        points.append("5.5")
    if command in INSTEAD:
        points.append("5.3")
    around = endless_loop(call)
    if loop is not None and not (is_counted(loop) and call.method in ("Popen", "Process")) and not is_retry(loop):
        points.append("5.2")
    elif around is not None and call.method != "fork":
        points += [] if pauses_long(project, around) or around.deadline else ["5.2"]
    elif hot and not (hot == model.CYCLE and called_rarely(project, function)):
        points.append("5.1")
    if (_interpreter(node) or call.name == "multiprocessing.Process") and (points and points[-1] in ("5.1", "5.2")):
        points.append("5.6")
    if not points:
        return
    rule = _rule(points, command)
    severity = Severity.CRITICAL if (unlimited and (loop is not None or hot)) or "5.2" in points else Severity.IMPORTANT
    yield found(
        function,
        call.line,
        rule,
        *points,
        severity=severity,
        call=source(node),
        command=command,
        instead=INSTEAD.get(command, ""),
    )


def _rule(points: list[str], command: str) -> str:
    if command in INSTEAD and "5.3" in points:
        return "process_stdlib"
    for point, rule in (
        ("5.5", "process_shell"),
        ("5.6", "process_pool"),
        ("5.2", "process_loop"),
        ("5.4", "process_limit"),
    ):
        if point in points:
            return rule
    return "process_hot"


def _limited(node: ast.Call) -> bool:
    given = argument(node, None, "timeout")
    return has_star(node) or (given is not None and not (isinstance(given, ast.Constant) and given.value is None))


def _interpreter(node: ast.Call) -> bool:
    first = node.args[0] if node.args else None
    return (
        isinstance(first, ast.List)
        and bool(first.elts)
        and (text(first.elts[0]) == "sys.executable" or str(constant(first.elts[0])).startswith("python"))
    )


def _command(call: Call, function: Function) -> str:
    """The first word of the command, where it is written out."""
    if call.name.startswith(("multiprocessing.", "os.fork")) or call.node is None or not call.node.args:
        return ""
    word = first_word(call.node.args[0], function)
    return "" if _FOLLOWS.search(source(call.node, 300)) else word


def first_word(given: ast.AST | None, function: Function) -> str:
    """The first word of a command, as text or as a list, where it is written out; the program's name alone."""
    if isinstance(given, ast.Name | ast.Attribute):
        given = definition(given, function)
    while isinstance(given, ast.BinOp):
        given = given.left
    if isinstance(given, ast.List | ast.Tuple) and given.elts:
        given = given.elts[0]
        if isinstance(given, ast.Name | ast.Attribute):
            given = definition(given, function)
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute):
        given = given.args[0] if text(given.func) == "shlex.split" and given.args else given.func.value
    if isinstance(given, ast.JoinedStr) and given.values:
        given = given.values[0]
    word = constant(given)
    if not isinstance(word, str):
        return ""
    words = word.split()
    first = words[0].rpartition("/")[2] if words else ""
    return "" if first == "du" and "--apparent" in word else first


_FOLLOWS = re.compile(r"tail\W.*('-[A-Za-z]*[fF]'|--follow)|\btail -[a-zA-Z]*[fF]")


def _waited(call: Call, function: Function) -> Iterator[Finding]:
    """`proc.wait()` and `proc.communicate()` without a limit."""
    node = call.node
    assert node is not None
    if not call.name.startswith("subprocess.Popen.") and not (
        call.name.startswith("?.") and call.method == "communicate"
    ):
        return
    if _limited(node) or (node.args and call.method == "wait"):
        return
    killed = any(
        other.method in _KILLS and other.receiver == call.receiver and other.line < call.line
        for other in function.calls
    ) or call.place & (model.IN_EXCEPT | model.IN_FINALLY)
    if killed or _reaper(call, function):
        return
    yield found(function, call.line, "process_limit", "5.4", call=source(node))


def _reaper(call: Call, function: Function) -> bool:
    """A thread whose work it is to wait for one child that somebody else has started."""
    if call.method != "wait" or any(other.method == "Popen" for other in function.calls):
        return False
    alone = not function.heat & model.REPEATED and call.loop is None
    return bool(function.heat & model.CONCURRENT) and (alone or bool(re.search(r"reap|watch|wait", function.name)))


def _wrapped(call: Call, callee: Function, function: Function) -> Iterator[Finding]:
    """A command that is handed to a helper which runs whatever it is given."""
    node = call.node
    if node is None or not node.args:
        return
    for inner in callee.calls:
        if not inner.effects & fx.PROCESS or inner.node is None or not inner.node.args:
            continue
        given = inner.node.args[0]
        if isinstance(given, ast.Starred):
            given = given.value
        if isinstance(given, ast.Name) and given.id in callee.params:
            command = first_word(node.args[0], function)
            if command in INSTEAD and not _FOLLOWS.search(source(node, 300)):
                yield found(
                    function,
                    call.line,
                    "process_stdlib",
                    "5.3",
                    call=source(node),
                    command=command,
                    instead=INSTEAD[command],
                )
        return


def _many(project: Project, call: Call, callee: Function, function: Function) -> Iterator[Finding]:
    """A request that starts several processes by what it calls."""
    if not _is_seed(function) or call.place & model.IN_GUARD:
        return
    count = _starts(project, callee, set())
    if count > 1:
        yield found(
            function,
            call.line,
            "process_hot",
            "5.1",
            severity=Severity.CRITICAL,
            call=source(call.node) or f"{callee.qualname}(…)",
            count=str(count),
        )


def _is_seed(function: Function) -> bool:
    return bool(function.heat & model.HANDLER) and (function.name.startswith("do_") or function.name == "handle")


def _starts(project: Project, function: Function, seen: set[Function]) -> int:
    """How many processes one run starts, loops counted once."""
    if function in seen or function.cached:
        return 0
    seen = {*seen, function}
    total = 0
    for call in function.calls:
        if call.place & model.IN_GUARD:
            continue
        callee = project.callee(call)
        if call.effects & fx.PROCESS:
            total += 1
        elif callee is not None and callee.effects & fx.PROCESS:
            total += _starts(project, callee, seen)
    return total


def _through(call: Call, callee: Function, function: Function) -> Iterator[Finding]:
    """A process for each item, started by what the loop calls."""
    loop = items_loop(call)
    if loop is None or is_retry(loop) or call.place & model.IN_LAMBDA:
        return
    if loop.within_endless():
        return  # a queue that is worked off: the cost is told where the process is started
    starter = next((inner for inner in callee.calls if inner.effects & fx.PROCESS), None)
    if starter is not None and starter.method in ("Popen", "Process", "fork") and is_counted(loop):
        return
    yield found(
        function,
        call.line,
        "process_loop",
        "5.2",
        severity=Severity.CRITICAL,
        call=source(call.node) or f"{callee.qualname}(…)",
        command=callee.qualname,
    )
