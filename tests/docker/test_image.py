"""The image on a real engine: it answers, as an ordinary user on a read-only root, and ends when it is told to."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.runner import CHECKOUT, RunnerProcess

pytestmark = pytest.mark.usefixtures("engine")

CLI = os.environ.get("CONTAINER_CLI", "docker")
HARDENED = ("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")

_sequence = itertools.count()


def docker(*arguments: str, data: bytes = b"", check: bool = True) -> str:
    """What the engine's command line program prints."""
    return subprocess.run([CLI, *arguments], input=data, capture_output=True, timeout=120, check=check).stdout.decode()


@pytest.fixture
def name() -> Iterator[str]:
    """A container's name, of which nothing is left afterwards."""
    name = f"openclaw-test-image-{os.getpid()}-{next(_sequence)}"
    yield name
    docker("rm", "--force", name, check=False)


def test_it_is_known_to_be_built_from_these_sources(image: str) -> None:
    check = [str(CHECKOUT / "container" / "build.sh"), "--check"]

    assert subprocess.run(check, env={**os.environ, "CONTAINER_IMAGE": image}, timeout=60, check=False).returncode == 0
    other = {**os.environ, "CONTAINER_IMAGE": "openclaw-agent:of-other-sources"}
    assert subprocess.run(check, env=other, timeout=60, check=False).returncode == 1


def test_it_answers_a_message_as_any_user_with_nothing_granted(image: str, name: str) -> None:
    out = docker(
        "run", "--interactive", "--name", name, *HARDENED, "--user", "12345:12345", image, "--once",
        data=b'{"text": "what is 6 * 7?"}',
    )  # fmt: skip

    assert json.loads(out)["text"].startswith("6 * 7 = 42.")


def test_it_is_not_root_by_itself(image: str, name: str) -> None:
    assert docker("run", "--name", name, *HARDENED, "--entrypoint", "id", image, "-u").strip() == "64321"


def test_modules_in_a_groups_folder_are_never_imported(image: str, name: str, tmp_path: Path) -> None:
    for module in ("json.py", "openclaw.py", "agent_runner.py"):
        (tmp_path / module).write_text("raise SystemExit('imported from the group')")
    tmp_path.chmod(0o755)

    out = docker(
        "run", "--interactive", "--name", name, *HARDENED,
        "--mount", f"type=bind,src={tmp_path},dst=/workspace/group,readonly", image, "--once",
        data=b'{"text": "hello"}',
    )  # fmt: skip

    assert json.loads(out)["status"] == "done"


def test_it_audits_a_folder_that_it_may_only_read(image: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "watch.py").write_text("import time\n\nwhile True:\n    time.sleep(0.01)\n")
    (tmp_path / "openclaw.py").write_text("raise SystemExit('imported from the group')")
    tmp_path.chmod(0o755)

    out = docker(
        "run", "--name", name, *HARDENED, "--user", "12345:12345",
        "--mount", f"type=bind,src={tmp_path},dst=/workspace/group,readonly",
        "--entrypoint", "python3", image, "-P", "-m", "openclaw.audit", "--lang", "es", "watch.py", check=False,
    )  # fmt: skip

    assert out.startswith("## 1. Diagnóstico Actual\n")
    assert "watch.py:4 (3." in out


def test_it_answers_through_its_channel_and_ends_at_sigterm(image: str, name: str, tmp_path: Path) -> None:
    with closing(RunnerProcess(tmp_path / "channel")) as channel:
        channel.ask("before")
        docker(
            "run", "--detach", "--name", name, *HARDENED, "--user", f"{os.getuid()}:{os.getgid()}",
            "--mount", f"type=bind,src={channel.inbox.path},dst=/channel/in,readonly",
            "--mount", f"type=bind,src={channel.outbox.path},dst=/channel/out", image, "--channel", "/channel",
        )  # fmt: skip
        assert channel.wait("response", "before")["status"] == "done"
        channel.ask("after")
        assert channel.wait("response", "after")["status"] == "done"

        docker("kill", "--signal", "TERM", name)  # without --init: the runner is process 1

        assert docker("wait", name).strip() == "0"
        assert docker("logs", name) == ""
