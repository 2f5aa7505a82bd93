"""The audit over code that a test writes down."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw.audit.run import Result, audit

Audited = Callable[..., Result]


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """Writes files (by keyword, without their suffix) and audits them all."""

    def write(**files: str) -> Result:
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return audit([str(tmp_path)])

    return write
