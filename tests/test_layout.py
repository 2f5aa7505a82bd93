"""The map of the project, read from its imports: a room imports only rooms below it, and nothing goes in a circle."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {
    *("openclaw", "container", "groups", "ipc", "systemd", "tests"),
    *("Makefile", "pyproject.toml", ".env.example", ".gitignore", ".ci"),
    *("README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"),
}
MADE_HERE = {
    *(".git", ".env", "logs", ".venv", ".venv-lint", "build", "openclaw.egg-info"),
    *(".benchmarks", ".pytest_cache", ".mypy_cache", ".ruff_cache", "__pycache__"),
}

ROOMS = (
    {"__main__"},
    {"cli"},
    {"bench"},
    {"service"},
    {"intake", "schedule", "delivery", "observe"},
    {"routing"},
    {"agents"},
    {"gateway"},
    {"containers"},
    {"spool", "http"},
    {"audit"},
    {"config", "message", "page", "profiles", "clock", "errors", "logs", "openclaw"},
)
"""From the top down. `openclaw` is the package itself, which holds the version. Leaves may import leaves."""

IN_THE_IMAGE = {
    *("openclaw", "openclaw.errors", "openclaw.message", "openclaw.profiles", "openclaw.spool"),
    *("openclaw.audit", "openclaw.audit.advice", "openclaw.audit.dimensions"),
}
"""What of the project the agent's image carries beside the runner, packages with all modules that are in them."""


def modules(root: Path, package: str) -> dict[str, Path]:
    """Dotted name → file of every module of a package that lies in `root`."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


OPENCLAW = modules(CHECKOUT, "openclaw")
RUNNER = modules(CHECKOUT / "container", "agent_runner")
ALL = {**OPENCLAW, **RUNNER}


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """Dotted names of what a module imports, anywhere in it; of our own modules down to the file.

    With `at_run_time` without what only type checkers see.
    """
    for node in nodes(ast.parse(path.read_bytes()), at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in ALL else node.module


def nodes(tree: ast.AST, at_run_time: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node, at_run_time)


def room(module: str) -> str:
    """`spool` of `openclaw.spool.dropdir`; `openclaw` of the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def level(module: str) -> int:
    for number, rooms in enumerate(ROOMS):
        if room(module) in rooms:
            return number
    pytest.fail(f"{module} is in no room: give it a place in ROOMS")


def test_nothing_else_lies_at_the_top() -> None:
    assert {path.name for path in CHECKOUT.iterdir()} <= TOP_LEVEL | MADE_HERE


@pytest.mark.parametrize("module", OPENCLAW)
def test_a_room_imports_only_rooms_below_it(module: str) -> None:
    lowest = len(ROOMS) - 1
    for imported in imports(OPENCLAW[module]):
        if imported not in OPENCLAW or room(imported) == room(module):
            continue
        below = level(imported) > level(module) or level(module) == level(imported) == lowest
        assert below, f"{module} imports {imported}, which is not below it"


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: set(imports(path, at_run_time=True)) & ALL.keys() for name, path in ALL.items()}

    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", OPENCLAW)
def test_beside_the_standard_library_there_is_only_requests(module: str) -> None:
    foreign = {name.split(".")[0] for name in imports(OPENCLAW[module])} - sys.stdlib_module_names

    assert foreign <= {"openclaw", "requests", "_typeshed"}  # the last one exists for type checkers only


CARRIED = [name for name in OPENCLAW if name in IN_THE_IMAGE or name.rpartition(".")[0] in IN_THE_IMAGE - {"openclaw"}]


@pytest.mark.parametrize("module", [*RUNNER, *CARRIED])
def test_what_the_image_carries_imports_only_what_it_carries(module: str) -> None:
    allowed = {*RUNNER, *CARRIED}
    for imported in imports(ALL[module]):
        assert imported in allowed or imported.split(".")[0] in sys.stdlib_module_names, f"{module} imports {imported}"


@pytest.mark.parametrize("module", RUNNER)
def test_the_runner_never_imports_the_audit(module: str) -> None:
    """It is run by a process of its own: its rules take more memory than the runner does."""
    assert not [name for name in imports(RUNNER[module]) if name.startswith("openclaw.audit")]


def test_of_a_package_in_the_image_everything_is_known_to_be_there() -> None:
    packages = {name for name in OPENCLAW if any(other.startswith(f"{name}.") for other in OPENCLAW)}
    carried = {name for name in packages if name.rpartition(".")[0] in IN_THE_IMAGE - {"openclaw"}}

    assert carried <= IN_THE_IMAGE
