"""Every docker command line that the service makes while everybody says the worst: each word of it is the host's own.

The CLI of this test writes down what it was called with, and in which environment, before the scripted engine acts on
it. The grammar below is all that may be there. A value that is somebody else's, such as a group's name, can be no more
than one word behind an `=` of ours, and is matched by the pattern that its door has let through.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from openclaw.message import dump_bytes
from tests.support.begun import wait_until_begun
from tests.support.fake_docker import FakeDocker
from tests.support.file_events import FileEvents
from tests.support.log_lines import LogLines
from tests.support.service import RunningService

EVIL = "--privileged -v=/:/host $(touch pwned) `id`; rm -rf / \"'\\ \x1b[31m %s {{.ID}}"
"""Said by whoever may say something: text, sender, task, path."""

SETTING = "--volume=/:/host $(id) \"x\" 'y' ;"
"""A setting of the owner's, who may call the assistant what he likes: one value, whatever is in it."""

CANARY = "canary-sk-0123456789"
SECRETS = (
    "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENCLAW_TOKEN",
    "AWS_SECRET_ACCESS_KEY", "github_token", "PGPASSWORD", "GOOGLE_APPLICATION_CREDENTIALS",
)  # fmt: skip

RECORDER = """#!{python} -ES
import json, os, sys
with open({calls!r}, "a") as calls:
    calls.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
os.execv({docker!r}, [{docker!r}, *sys.argv[1:]])
"""

CID, NAME, ID = r"[0-9a-f]{12}", r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", r"[0-9a-f]{64}"
MESSAGE = rf"(?:{NAME}(?:\.s[1-9][0-9]{{0,3}})?)?"

RUN = (
    r"--detach", r"--init", r"--pull=never", r"--cap-drop=ALL", r"--security-opt=no-new-privileges", r"--read-only",
    r"--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777",
    r"--log-driver=local", r"--log-opt=(?:max-size=1m|max-file=1|compress=false)",
    rf"--name=evil-(?:main-persistent|(?:[a-z0-9_-]+)-{CID})",
    r"--user=([1-9][0-9]*):\1", r"--memory(?:-swap)?=[0-9]+m", r"--pids-limit=[0-9]+", r"--cpus=[0-9.]+",
    r"--network=(?:none|bridge)",
    r"--label=openclaw\.installation=[0-9a-f]{16}", r"--label=openclaw\.role=(?:main|dedicated|standby)",
    rf"--label=openclaw\.group={NAME}", rf"--label=openclaw\.cid={CID}", rf"--label=openclaw\.message={MESSAGE}",
    r"--label=openclaw\.config=[0-9a-f]{16}",
    r"--workdir=/workspace/group",
)  # fmt: skip
"""Options of `run`; --env and --mount are looked at one by one."""

ENVIRONMENT = {
    "HOME": "/tmp", "OPENCLAW_ENGINE": "offline", "OPENCLAW_OFFLINE_LATENCY_MS": r"[0-9]+",
    "OPENCLAW_MODEL": rf"(?:{re.escape(SETTING)})?", "OPENCLAW_MAX_TOKENS": r"[0-9]+",
    "OPENCLAW_CONTEXT_TOKENS": r"[0-9]+", "OPENCLAW_ROLE": r"main|dedicated|standby",
    "OPENCLAW_NETWORK": r"none|bridge", "ASSISTANT_NAME": re.escape(SETTING), "TZ": r"Europe/Berlin",
    **dict.fromkeys(
        f"{name}_PROXY" for name in ("HTTP", "HTTPS", "FTP", "NO", "ALL")
    ), **dict.fromkeys(f"{name}_proxy" for name in ("http", "https", "ftp", "no", "all")),
}  # fmt: skip
"""What a container may be told, each with the pattern of its value; None: nothing."""

OTHERS = {
    "info": (r"--format=\{\{\.ServerVersion\}\}\t[^\n]+",),
    "image": (r"inspect", r"--format=\{\{\.Id\}\}", r"evil/image:latest"),
    "ps": (r"--all", r"--no-trunc", r"--filter=label=openclaw\.installation=[0-9a-f]{16}", r"--format=\{\{\.ID\}\}.+"),
    "events": (
        r"--since=[0-9]+", r"--filter=type=container", r"--filter=event=die", r"--filter=event=oom",
        r"--filter=label=openclaw\.installation=[0-9a-f]{16}", r"--format=\{\{json \.\}\}",
    ),
    "rm": (r"--force", r"--volumes", ID),
    "kill": (ID,),
    "logs": (r"--tail=50", ID),
    "inspect": (r"--type=container", r"--format=\{\{\.Id\}\}.+", ID),
}  # fmt: skip


TARGET = r"/channel/(?:in|out|gw)|/workspace/(?:group|global|extra)(?:/[A-Za-z0-9._-]+)*"


class Call(NamedTuple):
    argv: list[str]
    environ: dict[str, str]


class Recorded:
    """What was called, on an engine that is a script."""

    def __init__(self, directory: Path, fake: FakeDocker) -> None:
        self.fake = fake
        self.docker = directory / "recording-docker"
        self._calls = directory / "recorded"
        docker = str(fake.state / "bin/docker")
        self.docker.write_text(RECORDER.format(python=sys.executable, calls=str(self._calls), docker=docker))
        self.docker.chmod(0o755)

    def calls(self) -> list[Call]:
        return [Call(*json.loads(line)) for line in self._calls.read_text().splitlines()]


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        yield Recorded(tmp_path, fake)


def settings(recorded: Recorded, user_home: Path) -> dict[str, str]:
    return {
        "CONTAINER_RUNTIME": "docker", "CONTAINER_CLI": str(recorded.docker), "CONTAINER_PREFIX": "evil",
        "CONTAINER_IMAGE": "evil/image:latest", "FAKE_DOCKER_STATE": str(recorded.fake.state), "HOME": str(user_home),
        "AGENT_ENGINE": "offline", "ASSISTANT_NAME": SETTING, "ANTHROPIC_MODEL": SETTING, "TZ": "Europe/Berlin",
        "PERSISTENT_HEALTH_CHECK_INTERVAL": "200", "SUBAGENT_STANDBY": "1",
        **{name: f"{CANARY}-{number}" for number, name in enumerate(SECRETS)},
    }  # fmt: skip


def test_no_word_of_any_command_line_is_anybody_elses(tmp_path: Path, recorded: Recorded) -> None:
    home, user_home = tmp_path / 'home, "x" --privileged', tmp_path / "user"
    allowed = tmp_path / 'data,readonly=false,"dst=/" -v'
    allowed.mkdir(parents=True)
    write_allowlist(user_home, allowed)
    make_groups(home, allowed)
    with SuspectService(home, **settings(recorded, user_home)) as service:
        say_the_worst(service, allowed)
        end_containers(service, recorded.fake)
        assert service.stop() == 0
    calls = recorded.calls()
    assert {call.argv[0] for call in calls} == {"run", *OTHERS}
    for call in calls:
        (assert_run if call.argv[0] == "run" else assert_other)(call, home, allowed)
        assert CANARY not in json.dumps(call)
    assert sum(call.argv[0] == "run" for call in calls) >= 6
    assert not list(tmp_path.rglob("pwned"))


class SuspectService(RunningService):
    """A service whose Main is to be killed, which it may say."""

    may_log_errors = True


def write_allowlist(user_home: Path, allowed: Path) -> None:
    path = user_home / ".config/openclaw/mount-allowlist.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(dump_bytes({"allow": [{"path": str(allowed)}]}))


def make_groups(home: Path, allowed: Path) -> None:
    """One whose settings are as bad as they may be, and some whose names or settings are no names or settings."""
    worst = {"model": SETTING, "trigger": SETTING, "network": "bridge", "mounts": [{"path": str(allowed)}]}
    for name, value in {
        "Worst": worst,
        "net": {"network": "--privileged"},
        "named": {"mounts": [{"path": str(allowed), "name": "x,readonly=false"}]},
        "limits": {"memory_mb": "64m --privileged"},
        "--privileged": {},
        "a b;$(id)": {},
        "-v=": {},
    }.items():
        (home / "groups" / name).mkdir(parents=True)
        (home / "groups" / name / "group.json").write_text(json.dumps(value))


def say_the_worst(service: RunningService, allowed: Path) -> None:
    """By every way in; what is refused at its door is refused there."""
    bearer = {"text": EVIL, "sender": EVIL[:20]}
    assert service.post(bearer).status_code in (200, 400)
    assert service.post({"text": EVIL}).json()["status"] == "done"
    for key in ("id", "session", "group"):
        for value in ("--privileged", "-v", "a\nb", "a=b", "../main", "a,b", "{{.ID}}", "a" * 300):
            assert service.post({"text": "hello", key: value}).status_code in (400, 404, 422), (key, value)
    for group, status in (("Worst", "done"), ("net", None), ("named", None), ("limits", None), ("--privileged", None)):
        reply = service.post({"text": EVIL, "group": group})
        assert status is None or reply.json()["status"] == status, reply.text
        assert status is not None or reply.status_code >= 400, (group, reply.text)
    assert service.put("/groups/--privileged", {}).status_code >= 400
    for text in (f"/spawn {EVIL}", f"/spawn @{EVIL}", f"/spawn @performance-engineer '{allowed}' -- {EVIL}"):
        for child in service.post({"text": text}).json().get("subagents", ()):
            assert service.get(f"/messages/{child}?wait=30").json()["status"] in ("done", "failed")
    for name in ("--privileged.json", "a b;$(id).json", "-v.json"):
        (service.home / "ipc/inbox" / name).write_text(json.dumps({"text": EVIL}))
    with closing(FileEvents(service.home / "ipc/outbox")) as events:
        events.until(lambda: len(list((service.home / "ipc/outbox").glob("*.accepted.json"))) == 3)


def end_containers(service: RunningService, fake: FakeDocker) -> None:
    """Have containers die, run out of memory and hang, so that the service asks why, kills and removes."""
    fake.knob("oom", "before")
    service.post({"text": "/wait 1000", "id": "dies", "group": "Worst"}, "")
    cid = wait_until_begun(service.home, "dies")
    fake.docker("kill", f"evil-worst-{cid}")
    wait_until_begun(service.home, "dies", other_than=cid)
    service.delete("/messages/dies")
    fake.knob("oom")
    with closing(LogLines(service.home / "logs/app.log")) as lines:
        lines.skip()
        fake.docker("pause", "evil-main-persistent")
        lines.find("Persistent container crashed")
        lines.find("Main persistent container ready")


def assert_other(call: Call, home: Path, allowed: Path) -> None:
    verb, *words = call.argv
    patterns = OTHERS[verb]
    assert len(words) == len(patterns) or verb == "inspect", call.argv
    for word, pattern in zip(words, patterns, strict=False):
        assert re.fullmatch(pattern, word, re.ASCII), call.argv
    assert all(re.fullmatch(ID, word) for word in words[len(patterns) :]), call.argv


def assert_run(call: Call, home: Path, allowed: Path) -> None:
    at = call.argv.index("evil/image:latest")
    assert call.argv[at + 1 :] == ["--channel", "/channel"]
    for option in call.argv[1:at]:
        if option.startswith("--env="):
            name, _, value = option.removeprefix("--env=").partition("=")
            assert re.fullmatch(ENVIRONMENT[name] or "", value), option
        elif option.startswith("--mount="):
            assert_mount(option.removeprefix("--mount="), home, allowed)
        else:
            assert any(re.fullmatch(pattern, option, re.ASCII) for pattern in RUN), option


def assert_mount(text: str, home: Path, allowed: Path) -> None:
    """As the CLI reads it: fields of CSV, which are a type, a source and a target of ours, once each."""
    (fields,) = csv.reader([text])
    pairs: list[Any] = [field.partition("=")[::2] for field in fields]
    keys = [key for key, _ in pairs]
    assert keys in (["type", "src", "dst"], ["type", "src", "dst", "readonly"]), text
    known = dict(pairs)
    assert known["type"] == "bind"
    assert re.fullmatch(TARGET, known["dst"], re.ASCII), text
    source = Path(known["src"])
    assert not any(part == ".." for part in source.parts)
    ours = source.is_relative_to(home / "groups") or source.is_relative_to(home / "ipc/channels")
    assert ours or (source == allowed and keys[-1] == "readonly"), text
