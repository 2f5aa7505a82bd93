"""`openclaw audit` from the outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.service import CHECKOUT


def _audit(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "OPENCLAW_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "LANG": "es_ES.UTF-8",
    }
    command = [sys.executable, "-m", "openclaw", "audit", *arguments]
    return subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def test_it_reports_in_the_language_of_the_locale_and_fails_where_something_critical_is_left(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import requests\nrequests.get('http://x')\n")
    done = _audit(tmp_path, str(tmp_path))

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("## 1. Diagnóstico Actual\n")


def test_wrong_use_ends_with_two(tmp_path: Path) -> None:
    assert _audit(tmp_path, str(tmp_path / "missing")).returncode == 2
    assert _audit(tmp_path, "--agents", "0", str(tmp_path)).returncode == 2
