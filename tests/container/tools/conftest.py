"""Tools on a folder of their own, which is the working directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.site import Site
from agent_runner.tools.tool import Tool, ToolUse
from agent_runner.tools.toolbox import tools_for
from tests.support.agent_host import HandHost

MAIN = Site()
DEDICATED = Site(single_use=True)
OPEN_MACHINE = Site(single_use=True, open_machine=True)

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; beside it lies `outside.txt`."""
    folder = tmp_path / "group"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("secret\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def use() -> Iterator[ToolUse]:
    """A turn with plenty of time."""
    cancel = Cancel()
    yield ToolUse(HandHost(), cancel, time.monotonic() + 300)
    cancel.set()


@pytest.fixture
def run(use: ToolUse) -> Run:
    """Use a tool by its name: `run("Read", file_path="a")`, by default in a single-use container."""

    def run(name: str, site: Site = DEDICATED, /, **arguments: Any) -> str:
        return tool(name, site).run(arguments, use)

    return run


def tool(name: str, site: Site = DEDICATED) -> Tool:
    return next(one for one in tools_for(site) if one.definition["name"] == name)


def write(path: Path, text: str | bytes) -> Path:
    """A file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
