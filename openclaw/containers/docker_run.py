"""What is said to the docker CLI and what it says back: command lines, labels, rows, and errors as our errors.

Pure functions without state. The container sees its group's folder, the three directories of its channel and the
mounts of its spec, nothing else of the host.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from openclaw.containers.cli import Output
from openclaw.containers.runtime import GROUP_DIR, ContainerSpec, Found, Mount
from openclaw.errors import ImageMissing, RuntimeFailure, StartFailed
from openclaw.message import dump_bytes

CHANNEL_DIR: Final = "/channel"
LABELS: Final = ("role", "group", "cid", "message", "config")

_HARDENING: Final = (
    "--init",  # Python as PID 1 ignores SIGTERM, and nobody would reap what a tool leaves behind
    "--pull=never",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--read-only",
    "--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777",
    "--log-driver=local",
    "--log-opt=max-size=1m",
    "--log-opt=max-file=1",
    "--log-opt=compress=false",  # refused with one file otherwise
)
_PROXIES = tuple(f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "all", "no"))
_EXITED = re.compile(r"Exited \((\d+)\)")
_NAME_TAKEN = re.compile(r"The container name .* is already in use")
_NO_IMAGE = re.compile(r"No such image|manifest unknown|Unable to find image")
_LIVING: Final = frozenset({"running", "paused", "restarting"})


class Known(NamedTuple):
    """What a container is called: by the engine, whose id means no other one ever, and for people."""

    engine_id: str
    name: str


class Row(NamedTuple):
    """One line of `docker ps`: the engine's id, its image, and what the labels say."""

    engine_id: str
    image: str
    """The name by which it was started, while that means the image it has; the image's id from then on."""
    found: Found

    @property
    def known(self) -> Known:
        return Known(self.engine_id, self.found.name)


def run_args(spec: ContainerSpec, image: str, installation: str, uid: int, config: str) -> list[str]:
    """The arguments of `docker` that start `spec` and print the engine's id."""
    labels = {
        "installation": installation,
        "role": spec.role,
        "group": spec.group,
        "cid": spec.cid,
        "message": spec.message_id,
        "config": config,
    }
    mounts = (
        Mount(spec.channel_path / "in", f"{CHANNEL_DIR}/in"),
        Mount(spec.channel_path / "out", f"{CHANNEL_DIR}/out", readonly=False),
        # The directory and not the socket: one that a later service binds anew is another file.
        Mount(spec.channel_path / "gw", f"{CHANNEL_DIR}/gw"),
        Mount(spec.group_dir, GROUP_DIR, readonly=not spec.group_writable),
        *spec.mounts,
    )
    return [
        "run",
        "--detach",
        f"--name={spec.name}",
        *_HARDENING,
        *_limits(spec, uid),
        *(f"--label=openclaw.{name}={value}" for name, value in labels.items()),
        *map(_mount, mounts),
        *(f"--env={name}={value}" for name, value in _environment(spec)),
        f"--workdir={GROUP_DIR}",
        image,
        "--channel",
        CHANNEL_DIR,
    ]


def config_digest(spec: ContainerSpec, image_id: str, uid: int) -> str:
    """16 hexadecimal digits that change with anything that makes a running container a wrong one to adopt."""
    parts = {
        "image": image_id,
        "options": [*_HARDENING, *_limits(spec, uid)],
        "role": spec.role,
        "group": spec.group,
        "group_dir": str(spec.group_dir),
        "group_writable": spec.group_writable,
        "mounts": [_mount(mount) for mount in spec.mounts],
        "env": list(_environment(spec)),
    }
    return hashlib.sha256(dump_bytes(parts)).hexdigest()[:16]


def ps_args(installation: str) -> list[str]:
    """The arguments of `docker` that list this installation's containers for `parse_rows`."""
    labels = [f'{{{{.Label "openclaw.{name}"}}}}' for name in LABELS]
    fields = "\t".join(["{{.ID}}", "{{.Image}}", "{{.Names}}", "{{.State}}", "{{.Status}}", *labels])
    ours = f"--filter=label=openclaw.installation={installation}"
    return ["ps", "--all", "--no-trunc", ours, f"--format={fields}"]


def parse_rows(text: str) -> list[Row]:
    """The rows that `ps_args` asked for. Raises RuntimeFailure where the CLI wrote anything else."""
    rows = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) != 5 + len(LABELS):
            raise RuntimeFailure(f"the docker CLI gave a list that is not understood: {line[:200]!r}")
        engine_id, image, name, state, status, role, group, cid, message, config = fields
        exited = _EXITED.match(status)
        running = state in _LIVING
        code = int(exited[1]) if exited and not running else None
        rows.append(Row(engine_id, image, Found(name, role, group, cid, message, config, running, code)))
    return rows


def is_name_taken(output: Output) -> bool:
    return output.code != 0 and _NAME_TAKEN.search(output.stderr) is not None


def failure(output: Output, image: str) -> RuntimeFailure:
    """The error that a failed `docker run` or `image inspect` stands for."""
    if _NO_IMAGE.search(output.stderr):
        return ImageMissing(f"the image {image} is not on this machine: run `make image`")
    reason = (output.stderr.splitlines() or [f"exit code {output.code}"])[0]
    reason = reason.removeprefix("docker: ").removeprefix("Error response from daemon: ")
    return StartFailed(f"the engine refused the container: {reason[:500]}")


def _limits(spec: ContainerSpec, uid: int) -> tuple[str, ...]:
    return (
        f"--user={uid}:{uid}",
        f"--memory={spec.memory_mb}m",
        f"--memory-swap={spec.memory_mb}m",  # the same: no swap
        f"--pids-limit={spec.pids}",
        f"--cpus={min(spec.cpus, os.cpu_count() or 1):g}",  # more than the machine has is refused by the engine
        f"--network={spec.network}",
    )


def _mount(mount: Mount) -> str:
    """A --mount, which unlike -v refuses a source that is missing."""
    access = ",readonly" if mount.readonly else ""
    return f"--mount=type=bind,{_quoted('src', mount.source)},dst={mount.target}{access}"


def _environment(spec: ContainerSpec) -> Iterator[tuple[str, str]]:
    """Sorted, so that equal settings have equal digests. The uid has no passwd entry, hence a HOME.

    The CLI tells every container the proxies of Docker's own configuration, which may have a password in them, unless
    it is given a value. Where there is no network they are of no use.
    """
    names = (*_PROXIES, *map(str.upper, _PROXIES)) if spec.network == "none" else ()
    return iter(sorted({**dict.fromkeys(names, ""), "HOME": "/tmp", **spec.env}.items()))


def _quoted(key: str, value: object) -> str:
    """A field of --mount, which is read as CSV: a path may hold commas and quotes."""
    field = f"{key}={value}"
    return '"' + field.replace('"', '""') + '"' if re.search('[,"\n]', field) else field
