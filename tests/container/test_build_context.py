"""What the image is built from: enough to answer a message, and named by a digest that changes with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build_context
from tests.support.runner import CHECKOUT, TIMEOUT

BUILD = CHECKOUT / "container" / "build.sh"


def build(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILD, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources that may be changed."""
    for source in build_context.SOURCES.values():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (CHECKOUT / source).is_dir() else shutil.copyfile
        copy(CHECKOUT / source, target)
    return tmp_path


def test_the_context_alone_answers_a_message(tmp_path: Path) -> None:
    build_context.copy(tmp_path)

    done = subprocess.run(
        [sys.executable, "-P", "-m", "agent_runner", "--once"],
        input=b'{"text": "hello"}', env={"PYTHONPATH": str(tmp_path)}, capture_output=True, timeout=TIMEOUT, check=True,
    )  # fmt: skip

    assert b'"status":"done"' in done.stdout


def test_the_context_alone_audits_a_folder(tmp_path: Path) -> None:
    build_context.copy(tmp_path / "context")
    (tmp_path / "wait.py").write_text("import time\n\nwhile True:\n    time.sleep(0.01)\n")

    done = subprocess.run(
        [sys.executable, "-P", "-m", "openclaw.audit", "--format", "jsonl", str(tmp_path / "wait.py")],
        env={"PYTHONPATH": str(tmp_path / "context")}, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip

    assert done.stderr == ""
    assert json.loads(done.stdout.splitlines()[0])["dimension"] == 3


def test_the_context_holds_sources_only(tmp_path: Path) -> None:
    build_context.copy(tmp_path)

    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".py", ""}
    assert (tmp_path / "Dockerfile").is_file()
    assert not (tmp_path / "openclaw" / "config.py").exists()


def test_the_digest_follows_content_and_names_and_nothing_else(checkout: Path) -> None:
    before = build_context.digest(checkout)
    assert before == build_context.digest(CHECKOUT)
    module = checkout / "container" / "agent_runner" / "once.py"

    module.touch()
    (module.parent / "__pycache__").mkdir(exist_ok=True)
    (module.parent / "__pycache__" / "once.pyc").write_bytes(b"x")
    assert build_context.digest(checkout) == before

    module.write_text(module.read_text() + "\n")
    changed = build_context.digest(checkout)
    assert changed != before

    module.rename(module.with_name("once_more.py"))
    assert build_context.digest(checkout) not in (before, changed)


def test_build_sh_tells_the_same_digest() -> None:
    assert build("--digest").stdout.strip() == build_context.digest()


def test_build_sh_explains_itself_on_wrong_use() -> None:
    done = build("--what")

    assert done.returncode == 2
    assert "--check" in done.stderr


def test_build_sh_says_which_setting_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_IMAGE", "Not An Image")

    done = build("--check")

    assert done.returncode == 2
    assert "CONTAINER_IMAGE" in done.stderr


def test_without_an_engine_a_build_fails_and_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_CLI", "no-such-engine")
    monkeypatch.delenv("CONTAINER_RUNTIME", raising=False)

    assert "no engine answers" in build().stderr
    assert build().returncode == 1
    assert build("--for-run").returncode == 0
