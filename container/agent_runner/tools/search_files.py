"""Grep: the lines that match a regular expression, in the files below a folder. No state; any thread.

The files are found here, in the runner; they are read and matched by a program that can be killed, since an expression
may take for ever and would hold up every turn meanwhile.
"""

from __future__ import annotations

import os
from typing import Any, Final

from agent_runner.tools.checked import CheckedTool
from agent_runner.tools.globs import Globs, anywhere
from agent_runner.tools.patience import Patience
from agent_runner.tools.places import Places, missing
from agent_runner.tools.programs import Program
from agent_runner.tools.tool import ToolFailed, ToolUse
from agent_runner.tools.walk import Walk

LIMIT: Final = 20.0
"""Seconds."""

AT_ONCE: Final = 4
"""Searches that run side by side for all turns of a container: each is a process of some 10 MB."""

MAX_FILES: Final = 50_000
"""Files that one search reads."""

HEAD: Final = 250
"""Lines of the answer, unless the caller says."""

OUTPUT: Final = 50_000
"""Characters of the answer."""

MAX_CONTEXT: Final = 1000

TYPES: Final = {
    "c": "*.{c,h}",
    "cpp": "*.{cpp,cc,cxx,hpp,hh,hxx,h,inl}",
    "cs": "*.cs",
    "css": "*.{css,scss,sass,less}",
    "csv": "*.{csv,tsv}",
    "docker": "*Dockerfile*",
    "go": "*.go",
    "html": "*.{html,htm,xhtml}",
    "java": "*.java",
    "js": "*.{js,jsx,mjs,cjs,vue}",
    "json": "*.{json,jsonl}",
    "kotlin": "*.{kt,kts}",
    "lua": "*.lua",
    "make": "{[Mm]akefile,GNUmakefile,*.mk,*.mak}",
    "md": "*.{md,markdown,mdx}",
    "php": "*.php",
    "py": "*.{py,pyi}",
    "ruby": "*.{rb,gemspec}",
    "rust": "*.rs",
    "sh": "*.{sh,bash,zsh}",
    "sql": "*.sql",
    "swift": "*.swift",
    "toml": "*.toml",
    "ts": "*.{ts,tsx,mts,cts}",
    "txt": "*.txt",
    "xml": "*.{xml,xsd,xsl}",
    "yaml": "*.{yaml,yml}",
}
"""What ripgrep calls a type, for those that people search most."""


def grep_tool(places: Places) -> CheckedTool:
    program = Program("grep_program.py", AT_ONCE)

    def act(arguments: dict[str, Any], use: ToolUse) -> str:
        patience = Patience(use, LIMIT, "make the pattern simpler, or narrow it down by path, glob or type")
        path = arguments.get("path", os.curdir)
        files, notes = _files(places.to_read(path), arguments, patience)
        one = files == [path]
        answer = program.run(_request(arguments, files, follow=one), patience)
        if one and answer["binary"]:
            raise ToolFailed(f"{path} is a binary file; this tool searches text only")
        return _told(answer, notes, arguments)

    return CheckedTool.made(
        "Grep",
        "Searches the contents of files by a regular expression, in Python's syntax. By default it gives the paths of "
        "files that match, the one changed last first; with output_mode content their lines. Hidden files are searched "
        "too, binary ones and .git and its like are not.",
        _PROPERTIES,
        ["pattern"],
        act,
        read_only=True,
    )


def _flag(description: str) -> dict[str, str]:
    return {"type": "boolean", "description": description}


def _context(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": MAX_CONTEXT, "description": description}


_PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "pattern": {"type": "string", "minLength": 1, "maxLength": 4000, "description": "The regular expression"},
    "path": {"type": "string", "minLength": 1, "description": "A file or folder; the working directory by default"},
    "glob": {"type": "string", "minLength": 1, "description": "Only files such as *.py, src/**/*.{js,ts}, !*.min.js"},
    "type": {"type": "string", "enum": list(TYPES), "description": "Only files of this type"},
    "output_mode": {
        "type": "string",
        "enum": ["content", "files_with_matches", "count"],
        "description": "Lines, paths (default), or paths with how often",
    },
    "-i": _flag("Upper and lower case are the same"),
    "-n": _flag("Show the numbers of lines (default)"),
    "-A": _context("Lines to show after each match"),
    "-B": _context("Lines to show before each match"),
    "-C": _context("Lines to show around each match"),
    "multiline": _flag("The pattern may match across lines, and . a line's end"),
    "head_limit": {"type": "integer", "minimum": 0, "description": f"Lines of the answer; {HEAD} by default, 0: all"},
    "offset": {"type": "integer", "minimum": 0, "description": "Lines of the answer to leave out at its beginning"},
}


def _files(path: str, arguments: dict[str, Any], patience: Patience) -> tuple[list[str], list[str]]:
    """The files to be searched in the order of their paths, and what is to be told of how they were found."""
    if not os.path.isdir(path):
        if not os.path.lexists(path):
            raise missing(path)
        return [path], []
    glob, kind = arguments.get("glob", ""), arguments.get("type")
    unwanted = Globs(anywhere(glob[1:])) if glob.startswith("!") else None
    wanted = Globs(anywhere(glob) if glob and unwanted is None else "**/*")
    names = Globs(TYPES[kind]) if kind else None
    walk = Walk(path, wanted, unwanted)
    found: list[str] = []
    notes: list[str] = []
    for entry in walk.entries(patience):
        if entry.is_symlink() or (names is not None and not names.matched(names.step(names.begin(), entry.name))):
            continue
        if len(found) == MAX_FILES:
            notes.append(f"Only {MAX_FILES} files were searched: narrow it down by path, glob or type.")
            break
        found.append(entry.path if path != os.curdir else entry.path.removeprefix("./"))
    return sorted(found), notes + walk.notes()


def _request(arguments: dict[str, Any], files: list[str], *, follow: bool) -> dict[str, Any]:
    around = arguments.get("-C", 0)
    return {
        "pattern": arguments["pattern"],
        "ignore_case": arguments.get("-i", False),
        "multiline": arguments.get("multiline", False),
        "mode": arguments.get("output_mode", "files_with_matches"),
        "before": arguments.get("-B", around),
        "after": arguments.get("-A", around),
        "numbers": arguments.get("-n", True),
        "files": files,
        "follow": follow,
        "skip": arguments.get("offset", 0),
        "limit": arguments.get("head_limit", HEAD),
        "room": OUTPUT,
    }


def _told(answer: dict[str, Any], notes: list[str], arguments: dict[str, Any]) -> str:
    lines: list[str] = answer["lines"]
    if not lines:
        notes.insert(0, "There is no more." if arguments.get("offset") else "Nothing matches.")
    if answer["more"]:
        ahead = arguments.get("offset", 0) + len(lines)
        notes.insert(0, f"There is more: go on with offset={ahead}, or narrow it down by path, glob or type.")
    if answer["unread"]:
        notes.append(f"{answer['unread']} files could not be read.")
    if answer["too_large"]:
        notes.append(f"{answer['too_large']} files are too large to be searched across lines: leave multiline out.")
    return "\n".join([*lines, *(f"({note})" for note in notes)])
