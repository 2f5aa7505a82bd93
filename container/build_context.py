"""What the agent's image is built from: `build_context.py digest` names it, `build_context.py copy DIR` lays it out.

The one list of sources behind the image, the label by which a stale one is noticed, and the check of it.
Runs by itself, from any directory, on the standard library.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

SOURCES = {
    "Dockerfile": "container/Dockerfile",
    "agent_runner": "container/agent_runner",
    "openclaw/__init__.py": "openclaw/__init__.py",
    "openclaw/audit": "openclaw/audit",
    "openclaw/errors.py": "openclaw/errors.py",
    "openclaw/message": "openclaw/message",
    "openclaw/profiles": "openclaw/profiles",
    "openclaw/spool": "openclaw/spool",
}
"""Path in the build context → file or Python package in the checkout."""


def files(checkout: Path = CHECKOUT) -> Iterator[tuple[str, Path]]:
    """(path in the context, file in the checkout) of every file that goes into the image."""
    for target, source in SOURCES.items():
        path = checkout / source
        if path.is_dir():
            for module in sorted(path.rglob("*.py")):
                yield f"{target}/{module.relative_to(path).as_posix()}", module
        else:
            yield target, path


def digest(checkout: Path = CHECKOUT) -> str:
    """SHA-256 over the paths and contents of all files, in hex."""
    total = hashlib.sha256()
    for name, path in files(checkout):
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def copy(target: Path, checkout: Path = CHECKOUT) -> None:
    """Lay the files out in the directory `target`."""
    for name, path in files(checkout):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def main(argv: list[str]) -> int:
    match argv:
        case ["digest"]:
            print(digest())
        case ["copy", target]:
            copy(Path(target))
        case _:
            print("usage: build_context.py digest | build_context.py copy DIR", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
