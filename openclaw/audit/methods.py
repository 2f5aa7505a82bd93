"""Tables of methods: those that say too little of what they are called on, and what is known of the others."""

from __future__ import annotations

PATH_METHODS = frozenset(
    [
        "read_text",
        "write_text",
        "read_bytes",
        "write_bytes",
        "iterdir",
        "rglob",
        "glob",
        "is_file",
        "is_dir",
        "exists",
        "unlink",
        "mkdir",
        "touch",
        "rename",
        "stat",
        "lstat",
        "resolve",
        "rmdir",
        "samefile",
        "is_symlink",
    ]
)
"""Methods that, of an unknown receiver, are taken for those of a path."""


PLAIN_METHODS = frozenset(
    name for kind in (str, bytes, list, dict, set, int, float, tuple) for name in dir(kind) if not name.startswith("_")
) | frozenset(
    [
        "read",
        "write",
        "readline",
        "readlines",
        "close",
        "flush",
        "seek",
        "tell",
        "send",
        "recv",
        "get",
        "put",
        "post",
        "delete",
        "head",
        "patch",
        "request",
        "start",
        "run",
        "stop",
        "join",
        "wait",
        "set",
        "is_set",
        "acquire",
        "release",
        "submit",
        "result",
        "done",
        "cancel",
        "info",
        "debug",
        "warning",
        "error",
        "exception",
        "critical",
        "log",
        "add_argument",
        "parse_args",
        "group",
        "groups",
        "match",
        "search",
        "sub",
        "findall",
        "read_text",
        "write_text",
        "exists",
        "open",
        "commit",
        "execute",
        "fetchall",
        "cursor",
        "connect",
        "settimeout",
        "fileno",
        "poll",
        "kill",
        "terminate",
        "communicate",
        "raise_for_status",
        "json",
        "main",
        "setup",
        "name",
        "path",
        "data",
        "value",
        "handle",
        "process",
        "load",
        "save",
        "all",
    ]
)
"""Methods so common that an unknown receiver's is never looked up by its name alone."""


ADDS = frozenset({"append", "appendleft", "add", "extend", "insert", "update", "put", "put_nowait", "push"})


EVICTS = frozenset(
    [
        "pop",
        "popleft",
        "popitem",
        "remove",
        "discard",
        "clear",
        "get_nowait",
        "move_to_end",
        "task_done",
        "difference_update",
        "intersection_update",
        "subtract",
        "trim",
        "prune",
    ]
)


CLOSES = frozenset({"close", "shutdown", "stop", "terminate", "release", "cleanup", "__exit__", "aclose"})
