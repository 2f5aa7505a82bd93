"""Commands and what the standard library does in their place. A part of dimension 5."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from openclaw.audit import effects as fx
from openclaw.audit.finding import Finding, found
from openclaw.audit.model import Call, Function
from openclaw.audit.syntax import constant, source, text
from openclaw.audit.values import definition

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


def command_of(call: Call, function: Function) -> str:
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


def wrapped(call: Call, callee: Function, function: Function) -> Iterator[Finding]:
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
        if isinstance(given, ast.Call) and text(given.func).endswith("split") and given.args:
            given = given.args[0]
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
