"""A scripted `docker`: a stand-in for CLI and engine in one file, for tests that need no isolation.

In a test: `fake = FakeDocker(tmp_path / "engine")`, then run the code under test with `fake.environ()`, in which
`docker` on PATH is this file. `fake.close()` ends every container. "Containers" are local processes: by default the
real runner (`python -m agent_runner`), in which the container's paths are replaced by what is mounted there. Where
the test runs as root they get the uid of --user, and keep the right to pass any directory, as a bind mount would
give it.

Implemented: version, info, image inspect, run --detach, ps, kill, rm, pause, unpause, inspect, logs, events. Options
are taken in the form --name=value. Everything that was called is in `fake.calls()`, one argv each.

The engine's state is a directory (FAKE_DOCKER_STATE); these files in it are the knobs, set by `fake.knob(name, value)`
and taken back by `fake.knob(name)`:

    command     JSON list   run this instead of the runner; "{channel}" is replaced by the channel's directory
    image       text        the image's id; "" for an image that is missing
    info        JSON object overrides {"ServerVersion", "OperatingSystem", "SecurityOptions", "RuncCommit.ID"}
    fail        JSON object verb → what the CLI writes to stderr; it exits with 125
    hang        JSON list   verbs that hang before they do anything
    hang_after  JSON list   verbs that do their work and never return
    oom         text        each kill is for want of memory, told "before" or "after" the `die`, or "": the mark alone
    down        any         no engine answers; `fake.go_down()` sets it and ends running `events` too
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent.parent
DEFAULT_IMAGE = "sha256:" + "f" * 64


class FakeDocker:
    """The test's hand on the engine. `state` is its directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        for name in ("bin", "containers", "listeners", "logs", "shims"):
            (state / name).mkdir(parents=True)
        program = state / "bin" / "docker"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -E -S "{__file__}" "$@"\n')
        program.chmod(0o755)

    def environ(self) -> dict[str, str]:
        """The process's environment with `docker` on PATH being this one."""
        path = f"{self.state / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "FAKE_DOCKER_STATE": str(self.state)}

    def knob(self, name: str, value: object = None) -> None:
        """Set a knob; None takes it back."""
        path = self.state / name
        if value is None:
            path.unlink(missing_ok=True)
            return
        hidden = self.state / f".{name}"
        hidden.write_text(value if isinstance(value, str) else json.dumps(value))
        hidden.rename(path)

    def build(self, image_id: str = "") -> None:
        """The image is there from now on."""
        self.knob("image", image_id or DEFAULT_IMAGE)

    def go_down(self) -> None:
        """The engine dies: no call reaches it, and `events` ends."""
        self.knob("down", "1")
        _State(self.state).tell_listeners("")

    def calls(self) -> list[list[str]]:
        """What was called, oldest first."""
        with suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.state / "calls").read_text().splitlines()]
        return []

    def containers(self) -> list[dict[str, Any]]:
        """What the engine has: name, labels, state ("running", "paused", "exited"), exit_code, pid, args."""
        return _State(self.state).containers()

    def out_of_memory(self, name: str) -> None:
        """Some process of a container is killed for want of memory; it lives on."""
        state = _State(self.state)
        with state.locked():
            container = {**state.find(name), "out_of_memory": True}
            state.write(container)
            state.event("oom", container)

    def docker(self, *args: str) -> str:
        """Call it as a person would; returns what it wrote to stdout."""
        program = self.state / "bin" / "docker"
        return subprocess.run(
            [program, *args], env=self.environ(), check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def close(self) -> None:
        """End every container and every `events`."""
        state = _State(self.state)
        state.tell_listeners("")
        for container in state.containers():
            state.kill(container)


def _modified(path: Path) -> int:
    """When a file was written, in ns; 0 for one that is gone meanwhile."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class _State:
    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def knob(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text()
        except FileNotFoundError:
            return None

    def image_id(self) -> str:
        """The id of the image that there is."""
        return self.knob("image") or DEFAULT_IMAGE

    def verbs(self, name: str) -> list[str]:
        return list(json.loads(self.knob(name) or "[]"))

    def containers(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted((self.path / "containers").glob("[!.]*.json"), key=_modified):
            with suppress(FileNotFoundError):
                found.append(json.loads(path.read_text()))
        return found

    def find(self, key: str) -> dict[str, Any]:
        wanted = (one for one in self.containers() if one["name"] == key or one["id"].startswith(key))
        return next(wanted, None) or _fail(f"Error response from daemon: No such container: {key}", 1)

    def write(self, container: dict[str, Any]) -> None:
        path = self.path / "containers" / f"{container['id']}.json"
        hidden = path.with_name(f".{path.name}")
        hidden.write_text(json.dumps(container))
        hidden.rename(path)

    def event(self, action: str, container: dict[str, Any], **extra: str) -> None:
        """Append an event and hand it to every listener. Called with the lock held."""
        now = time.time_ns()
        attributes = {**container["labels"], "name": container["name"], "image": container["image"], **extra}
        line = json.dumps(
            {
                "Type": "container",
                "Action": action,
                "Actor": {"ID": container["id"], "Attributes": attributes},
                "time": now // 10**9,
                "timeNano": now,
            }
        )
        with (self.path / "events.log").open("a") as log:
            log.write(line + "\n")
        self.tell_listeners(line)

    def tell_listeners(self, line: str) -> None:
        """Write a line to each `events`; an empty one ends it."""
        for fifo in (self.path / "listeners").iterdir():
            try:
                fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                fifo.unlink(missing_ok=True)  # nobody reads there any more
                continue
            os.write(fd, line.encode() + b"\n")
            os.close(fd)

    def kill(self, container: dict[str, Any]) -> None:
        """SIGKILL its process group and wait until its end is recorded."""
        with suppress(ProcessLookupError):
            if container["state"] != "exited":
                os.killpg(container["pid"], signal.SIGKILL)
        with (self.path / "shims" / container["id"]).open("a") as shim:
            fcntl.flock(shim, fcntl.LOCK_SH)  # its shim holds it until then


class _Args:
    """`--name=value` options, then the words that follow."""

    def __init__(self, args: list[str]) -> None:
        end = next((at for at, word in enumerate(args) if not word.startswith("-")), len(args))
        self.options = [tuple(word.lstrip("-").partition("=")[::2]) for word in args[:end]]
        self.words = args[end:]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.options if key == name]

    def get(self, name: str, default: str = "") -> str:
        return next(iter(self.all(name)), default)

    def pairs(self, name: str) -> dict[str, str]:
        return dict(value.partition("=")[::2] for value in self.all(name))

    def has(self, *names: str) -> bool:
        return any(key in names for key, _ in self.options)


def _main(argv: list[str]) -> None:
    state = _State(Path(os.environ["FAKE_DOCKER_STATE"]))
    with (state.path / "calls").open("a") as calls:
        calls.write(json.dumps(argv) + "\n")
    verb = argv[0]
    if verb in state.verbs("hang"):
        signal.pause()
    if state.knob("down") is not None:
        _fail("Cannot connect to the Docker daemon at unix:///fake.sock. Is the docker daemon running?", 1)
    failures = json.loads(state.knob("fail") or "{}")
    if verb in failures:
        _fail(failures[verb], 125)
    _VERBS[verb](state, _Args(argv[1:]))
    if verb in state.verbs("hang_after"):
        signal.pause()


def _info(state: _State, args: _Args) -> None:
    told: dict[str, Any] = {"ServerVersion": "20.10.24", "OperatingSystem": "Fake Linux", "SecurityOptions": []}
    told["RuncCommit.ID"] = "v1.3.3"
    told.update(json.loads(state.knob("info") or "{}"))

    def field(match: re.Match[str]) -> str:
        value = told["ServerVersion" if match[2] == "Server.Version" else match[2]]
        return json.dumps(value) if match[1] else str(value)

    print(re.sub(r"\{\{(json )?\.([\w.]+)\}\}", field, args.get("format", "{{.ServerVersion}}")))


def _image(state: _State, args: _Args) -> None:
    image_id = state.knob("image")
    if image_id == "":
        _fail(f"Error response from daemon: No such image: {args.words[-1]}", 1)
    print(state.image_id())


def _run(state: _State, args: _Args) -> None:
    image, *words = args.words
    if state.knob("image") == "":
        _fail(f"docker: Error response from daemon: No such image: {image}", 125)
    mounts = [dict(field.partition("=")[::2] for field in fields) for fields in csv.reader(args.all("mount"))]
    for mount in mounts:
        if not os.path.exists(mount["src"]):
            _fail(f'docker: invalid mount config for type "bind": bind source path does not exist: {mount["src"]}', 125)
    container: dict[str, Any] = {
        "id": secrets.token_hex(32),
        "name": args.get("name"),
        "labels": args.pairs("label"),
        "image": image,
        "image_id": state.image_id(),
        "state": "created",
        "out_of_memory": False,
        "finished_at": "0001-01-01T00:00:00Z",
        "exit_code": None,
        "pid": 0,
        "args": sys.argv[1:],
    }
    with state.locked():
        for other in state.containers():
            if other["name"] == container["name"]:
                _fail(
                    f'docker: Error response from daemon: Conflict. The container name "/{other["name"]}" is already '
                    f'in use by container "{other["id"]}".',
                    125,
                )
        state.write(container)
    # What is mounted is where it was: the runner is told where it finds its way to the model.
    gateway = next((f"{mount['src']}/s" for mount in mounts if mount["dst"] == "/channel/gw"), "")
    environ = {"OPENCLAW_GATEWAY": gateway, **args.pairs("env")}
    _start(state, container, _command(state, args, words, mounts), environ)
    print(container["id"])


def _command(state: _State, args: _Args, words: list[str], mounts: list[dict[str, str]]) -> list[str]:
    """The local command line for what the image would run."""
    channel = next((os.path.dirname(mount["src"]) for mount in mounts if mount["dst"] == "/channel/in"), "")
    scripted = state.knob("command")
    if scripted is not None:
        command = [word.replace("{channel}", channel) for word in json.loads(scripted)]
    else:
        command = [sys.executable, "-m", "agent_runner", *(channel if word == "/channel" else word for word in words)]
    uid = args.get("user").partition(":")[0]
    if uid and os.getuid() == 0 and uid != "0":
        caps = "+dac_override,+dac_read_search"
        ids = ["--reuid", uid, "--regid", uid, "--clear-groups", "--inh-caps", caps, "--ambient-caps", caps]
        command = ["setpriv", *ids, *command]
    return command


def _start(state: _State, container: dict[str, Any], command: list[str], env: dict[str, str]) -> None:
    """Fork the shim that starts the command, waits for its end and records it; returns once the command runs."""
    began, tell = os.pipe()
    if os.fork():
        os.close(tell)
        os.read(began, 1)  # the end of the pipe: the shim has recorded the start
        return
    os.setsid()
    shim = (state.path / "shims" / container["id"]).open("w")
    fcntl.flock(shim, fcntl.LOCK_EX)
    with (state.path / "logs" / container["id"]).open("wb") as log:
        for fd in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), fd)
        own = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{CHECKOUT / 'container'}{os.pathsep}{CHECKOUT}"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**own, **env}, process_group=0)
    with state.locked():
        container.update(state="running", pid=process.pid)
        state.write(container)
        state.event("start", container)
    os.close(tell)
    code = process.wait()
    told = state.knob("oom") if code == -signal.SIGKILL else None
    with state.locked():
        container = next((one for one in state.containers() if one["id"] == container["id"]), container)
        container.update(state="exited", exit_code=code if code >= 0 else 128 - code)
        container["out_of_memory"] |= told is not None
        container["finished_at"] = datetime.now(UTC).isoformat().replace("+00:00", "123Z")  # in nanoseconds
        state.write(container)
        if told == "before":
            state.event("oom", container)
        state.event("die", container, exitCode=str(container["exit_code"]))
        if told == "after":
            state.event("oom", container)
    os._exit(0)


def _ps(state: _State, args: _Args) -> None:
    for container in state.containers():
        wanted = [value.partition("=")[2] for value in args.all("filter") if value.startswith("label=")]
        labels = [f"{name}={value}" for name, value in container["labels"].items()]
        shown = args.has("all", "a") or container["state"] == "running"
        if not shown or any(label not in labels for label in wanted):
            continue
        code = container["exit_code"]
        fields = {
            "ID": container["id"],
            "Image": container["image"] if container["image_id"] == state.image_id() else container["image_id"],
            "Names": container["name"],
            "State": container["state"],
            "Status": f"Exited ({code}) 1 second ago" if code is not None else "Up 1 second",
        }
        line = args.get("format")
        for name, value in fields.items():
            line = line.replace(f"{{{{.{name}}}}}", value)
        for name, value in container["labels"].items():
            line = line.replace(f'{{{{.Label "{name}"}}}}', value)
        print(re.sub(r"\{\{[^}]*\}\}", "", line))


def _kill(state: _State, args: _Args) -> None:
    container = state.find(args.words[0])
    if container["state"] not in ("running", "paused"):
        _fail(f"Error response from daemon: Cannot kill container: Container {container['id']} is not running", 1)
    state.kill(container)
    print(args.words[0])


def _rm(state: _State, args: _Args) -> None:
    container = state.find(args.words[0])
    if container["state"] in ("running", "paused"):
        if not args.has("force", "f"):
            _fail(f"Error response from daemon: You cannot remove a running container {container['id']}", 1)
        state.kill(container)
    with state.locked():
        (state.path / "containers" / f"{container['id']}.json").unlink(missing_ok=True)
        state.event("destroy", container)
    print(args.words[0])


def _pause(number: signal.Signals, name: str) -> Callable[[_State, _Args], None]:
    def act(state: _State, args: _Args) -> None:
        container = state.find(args.words[0])
        os.killpg(container["pid"], number)
        with state.locked():
            state.write({**container, "state": name})

    return act


def _inspect(state: _State, args: _Args) -> None:
    """The process's id with {{.State.Pid}} as the format, how it ended with that of Deaths, else all that is known."""
    found = [state.find(word) for word in args.words]
    if args.get("format") == "{{.State.Pid}}":
        print(*(container["pid"] for container in found), sep="\n")
    elif args.get("format") == "{{.Id}}\t{{.State.OOMKilled}}\t{{.State.FinishedAt}}":
        for container in found:
            print(container["id"], str(container["out_of_memory"]).lower(), container["finished_at"], sep="\t")
    else:
        print(json.dumps(found))


def _logs(state: _State, args: _Args) -> None:
    lines = (state.path / "logs" / state.find(args.words[0])["id"]).read_text(errors="replace").splitlines()
    print("\n".join(lines[-int(args.get("tail", "1000")) :]))


def _events(state: _State, args: _Args) -> None:
    """Replay what is younger than --since, then what comes through a FIFO of its own."""
    wanted = [value.partition("=")[2] for value in args.all("filter") if value.startswith("label=")]
    actions = [value.partition("=")[2] for value in args.all("filter") if value.startswith("event=")]
    fifo = state.path / "listeners" / str(os.getpid())

    def show(line: str) -> None:
        event = json.loads(line)
        labels = [f"{name}={value}" for name, value in event["Actor"]["Attributes"].items()]
        if event["Action"] in actions and all(label in labels for label in wanted):
            print(line, flush=True)

    with state.locked():
        os.mkfifo(fifo)
        stream = os.fdopen(os.open(fifo, os.O_RDWR))
        past = (state.knob("events.log") or "").splitlines()
    for line in past:
        if json.loads(line)["timeNano"] >= float(args.get("since", "0")) * 1e9:
            show(line)
    while line := stream.readline().strip():
        show(line)
    fifo.unlink(missing_ok=True)


def _fail(text: str, code: int) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(code)


_VERBS: dict[str, Callable[[_State, _Args], None]] = {
    "version": _info,
    "info": _info,
    "image": _image,
    "run": _run,
    "ps": _ps,
    "kill": _kill,
    "rm": _rm,
    "pause": _pause(signal.SIGSTOP, "paused"),
    "unpause": _pause(signal.SIGCONT, "running"),
    "inspect": _inspect,
    "logs": _logs,
    "events": _events,
}

if __name__ == "__main__":
    _main(sys.argv[1:])
