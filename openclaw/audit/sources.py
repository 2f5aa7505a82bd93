"""Which files are audited: found below the given paths, read, decoded and parsed; what cannot be is named.

Symbolic links to folders are not followed, so no loop is walked; a file that is reached twice is read once.
"""

from __future__ import annotations

import ast
import os
import re
import stat
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

MAX_BYTES = 2_000_000
"""A larger file is data that happens to be Python; its tree would take some 100 times its size."""

_SKIPPED = frozenset({"__pycache__", "node_modules", "build", "dist", "venv", "site-packages"})
_NOT_LOOKED_INTO = f"hidden folders, {', '.join(sorted(_SKIPPED))} are not looked into"
_SILENCE = re.compile(r"#\s*audit:\s*ok\b\s*([0-9](?:\.[0-9])?(?:\s*,\s*[0-9](?:\.[0-9])?)*)?\s*(.*)")


@dataclass(slots=True)
class Source:
    path: str
    text: str
    tree: ast.Module
    silenced: dict[int, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Passed:
    """A file or folder that was passed over, and why; or a silencing comment that does not hold."""

    path: str
    reason: str


def find(paths: Sequence[str], passed: list[Passed]) -> Iterator[str]:
    """The Python files below `paths`, each once, in order of their names. Files that are named are always taken."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            found = os.stat(path)
        except OSError as error:
            passed.append(Passed(path, error.strerror or str(error)))
            continue
        if stat.S_ISDIR(found.st_mode):
            before, empty = len(passed), True
            for below in _walk(path, passed):
                empty = False
                yield from _once(below, seen, passed)
            if empty and len(passed) == before:
                passed.append(Passed(path, f"no Python file in it; {_NOT_LOOKED_INTO}"))
        else:
            yield from _once(path, seen, passed)


def _walk(top: str, passed: list[Passed]) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        passed.append(Passed(str(error.filename), error.strerror or str(error)))

    for folder, folders, files in os.walk(top, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        yield from (os.path.join(folder, name) for name in sorted(files) if name.endswith(".py"))


def _once(path: str, seen: set[tuple[int, int]], passed: list[Passed]) -> Iterator[str]:
    try:
        found = os.stat(path)
    except OSError as error:
        passed.append(Passed(path, error.strerror or str(error)))
        return
    if not stat.S_ISREG(found.st_mode):
        passed.append(Passed(path, "not a regular file"))
    elif (found.st_dev, found.st_ino) not in seen:
        seen.add((found.st_dev, found.st_ino))
        yield path


def read(path: str, passed: list[Passed]) -> Source | None:
    """One file's text and tree; None, and a reason in `passed`, where it cannot be had."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            passed.append(Passed(path, f"larger than {MAX_BYTES // 1_000_000} MB"))
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content, filename=path)
        text = content.decode(tokenize.detect_encoding(BytesIO(content).readline)[0])
    except OSError as error:
        passed.append(Passed(path, error.strerror or str(error)))
    except SyntaxError as error:
        passed.append(Passed(path, f"syntax error, line {error.lineno}: {error.msg}"))
    except (ValueError, UnicodeError, RecursionError, MemoryError) as error:
        passed.append(Passed(path, f"not readable as Python: {error or type(error).__name__}"))
    else:
        return Source(path, text, tree, silencings(path, text, passed) if "audit:" in text else {})
    return None


def silencings(path: str, text: str, passed: list[Passed]) -> dict[int, dict[str, str]]:
    """Line → point → reason of every `# audit: ok 3.1 reason`. Without a point or a reason it holds nothing."""
    found: dict[int, dict[str, str]] = {}
    try:
        comments = [
            token
            for token in tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__)
            if token.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError):
        return found
    for token in comments:
        match = _SILENCE.search(token.string)
        if match is None:
            continue
        points, reason = match.group(1), match.group(2).strip()
        if not points or not reason:
            lacking = "a reason" if points else "the point (as in 3.1)"
            passed.append(Passed(f"{path}:{token.start[0]}", f"`audit: ok` without {lacking} silences nothing"))
            continue
        line = found.setdefault(token.start[0], {})
        line.update({point.strip(): reason for point in points.split(",")})
    return found


def module_name(path: str) -> tuple[str, str]:
    """(dotted name, dotted package) of a file, after the `__init__.py` files around it."""
    folder, file = os.path.split(os.path.abspath(path))
    parts: list[str] = []
    while os.path.exists(os.path.join(folder, "__init__.py")) and os.path.basename(folder):
        folder, last = os.path.split(folder)
        parts.insert(0, last)
    package = ".".join(parts)
    stem = file.removesuffix(".py")
    if stem == "__init__":
        return package or stem, package
    return ".".join([*parts, stem]), package
