"""Keys that are planted wherever the service takes them, and looked for wherever it writes, shows or dies."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.bench.procfs import children
from tests.support.messages_answers import Fail, say
from tests.support.messages_api import MessagesApi
from tests.support.service import RunningService

CANARY = "canary-0123456789abcdef"
KEYS = {name: f"{CANARY}-{name.lower()}" for name in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENCLAW_TOKEN")}


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with MessagesApi(key=KEYS["ANTHROPIC_API_KEY"], otherwise=lambda asked: say("hello")) as api:
        yield api


class KeyedService(RunningService):
    """With every key there is, all that can be logged, and core dumps of any size allowed."""

    may_log_errors = True

    def __init__(self, home: Path, api: MessagesApi) -> None:
        super().__init__(home, ANTHROPIC_BASE_URL=api.url, LOG_LEVEL="DEBUG", **KEYS)

    def end_by(self, number: signal.Signals) -> bool:
        """Have it crash; whether the kernel has dumped its memory."""
        resource.prlimit(self.process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.process.send_signal(number)
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return ended.si_code == os.CLD_DUMPED


def test_no_key_is_found_in_anything_that_the_service_writes_shows_or_starts(tmp_path: Path, api: MessagesApi) -> None:
    key = KEYS["ANTHROPIC_API_KEY"]
    with KeyedService(tmp_path / "home", api) as service:
        api.answers.extend([Fail(401, f"{key} is no key"), Fail(400, f"Bearer {key}"), Fail(500, f"x-api-key: {key}")])
        seen = {f"reply {number}": service.post({"text": "hello"}).text for number in range(4)}
        paths = ("/", "/status", "/metrics", "/groups", "/subagents", "/agents", "/openapi.json", "/healthz", "/readyz")
        seen |= {path: service.get(path).text for path in paths}
        seen["refused"] = service.post({"text": key, "group": "nobody"}).headers.__str__()
        for pid in children(service.process.pid):
            for name in ("environ", "cmdline"):
                seen[f"{name} of a container"] = Path(f"/proc/{pid}/{name}").read_text(errors="replace")
        assert any(name.startswith("environ") for name in seen)
        assert service.stop() == 0
    for where, text in seen.items():
        assert CANARY not in text, where
    assert_not_below(tmp_path)


@pytest.fixture
def can_be_dumped(tmp_path: Path) -> None:
    """A machine on which a program that crashes leaves a core dump: the shell's is looked for."""
    script = f"ulimit -c unlimited; cd {tmp_path}; kill -ABRT $$"
    ended = os.waitid(os.P_PID, os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ), os.WEXITED)
    if ended is None or ended.si_code != os.CLD_DUMPED:
        pytest.skip("no program can be dumped on this machine")


@pytest.mark.usefixtures("can_be_dumped")
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_leaves_no_memory_behind(tmp_path: Path, api: MessagesApi, number: signal.Signals) -> None:
    with KeyedService(tmp_path / "home", api) as service:
        assert service.post({"text": "hello"}).json()["status"] == "done"
        assert not service.end_by(number)
        service.process.wait(60)
    assert_not_below(tmp_path)


def test_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service:
        assert service.home.stat().st_mode & 0o777 == 0o700


def assert_not_below(directory: Path) -> None:
    for file in directory.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
