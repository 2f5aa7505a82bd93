"""The package stands by itself: it is copied into images that hold nothing else of openclaw."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import openclaw.audit

PACKAGE = Path(openclaw.audit.__file__).parent


def test_it_imports_only_itself_and_the_standard_library() -> None:
    foreign = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom):
                foreign.add(node.module or "")
            elif isinstance(node, ast.Import):
                foreign.update(alias.name for alias in node.names)
    own = {name for name in foreign if name == "openclaw.audit" or name.startswith("openclaw.audit.")}

    assert {name.partition(".")[0] for name in foreign - own} <= sys.stdlib_module_names


def test_it_runs_where_there_is_nothing_else_of_the_project(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "openclaw" / "audit", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "openclaw" / "__init__.py").touch()
    (tmp_path / "slow.py").write_text("import requests\nrequests.get('http://x')\n")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "openclaw.audit", "--lang", "en", "slow.py"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 1
    assert done.stdout.startswith("## 1. Current Diagnosis\n")
