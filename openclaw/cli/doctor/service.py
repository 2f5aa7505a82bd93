"""The doctor's look at the service: whether it answers, its port, its unit under systemd. Asks, and changes nothing."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from openclaw.cli import home_view
from openclaw.cli.client import CallLost, CallRefused, Client, ServiceDown
from openclaw.cli.doctor import user
from openclaw.cli.doctor.finding import Finding
from openclaw.config import CHECKOUT, Config
from openclaw.errors import ConfigError

_CALL_TIMEOUT: Final = 10.0
_MAX_UNITS: Final = 1000
_MAX_UNIT: Final = 64 * 1024
_LINGER: Final = Path("/var/lib/systemd/linger")


def port(config: Config) -> Iterator[Finding]:
    """Who answers where the service should, and whether all is well there; else whether it could listen."""
    try:
        with Client.of(config) as client:
            yield from _running(config, client.get("/status"))
    except ConfigError as error:
        yield Finding.skip("service", str(error))
    except CallLost as lost:
        yield Finding.fail("service", str(lost), "openclaw logs -n 50 says what it does; then restart it")
    except ServiceDown:
        yield from _down(config)
    except CallRefused as refused:
        advice = f"stop what uses {config.openclaw_port}, or set OPENCLAW_PORT to another"
        yield Finding.fail("port", str(refused), advice)


def _running(config: Config, status: dict[str, Any]) -> Iterator[Finding]:
    if status.get("home") != str(config.home):
        yield Finding.fail(
            "port", f"the service of {status.get('home')} has {config.openclaw_port}", "give this home an OPENCLAW_PORT"
        )
    elif status.get("problem"):
        yield Finding.fail("service", str(status["problem"]), "what it says there; openclaw logs has the details")
    else:
        main = status.get("main") or {}
        what = f"runtime {status.get('runtime')}, Main {main.get('state')}"
        yield Finding.ok("service", f"runs on {config.openclaw_port}, {what}")


def _down(config: Config) -> Iterator[Finding]:
    if home_view.owned(config.home):
        why = f"a process has this home, and nothing answers on {config.openclaw_port}"
        yield Finding.fail("service", why, "openclaw logs -n 50 says why; it may have been started with another port")
        return
    yield Finding.warn("service", "it does not run", "make run, or make install-service once and for all")
    family = socket.AF_INET6 if ":" in config.openclaw_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((config.openclaw_host, config.openclaw_port))
        except OSError as error:
            where = f"{config.openclaw_host}:{config.openclaw_port}"
            yield Finding.fail("port", f"{where} cannot be had: {error.strerror}", "set OPENCLAW_PORT to another one")
        else:
            yield Finding.ok("port", f"{config.openclaw_port} is free")


def unit(_home: Path) -> Iterator[Finding]:
    """The unit that `make install-service` makes, if this checkout has one, and whether it outlives a logout."""
    if (name := _unit_name()) is None:
        yield Finding.skip("unit", "none is installed of this checkout; make install-service starts it at each login")
        return
    if shutil.which("systemctl") is None:
        yield Finding.fail("unit", f"{name} is there and systemd is not", f"make uninstall-service SERVICE={name}")
        return
    enabled, active = _systemctl("is-enabled", name), _systemctl("is-active", name)
    if active == "active" and enabled == "enabled":
        yield Finding.ok("unit", f"{name} is enabled and active")
    elif active == "failed":
        advice = f"journalctl --user -u {name} says why; then: systemctl --user restart {name}"
        yield Finding.fail("unit", f"{name} has failed", advice)
    elif not active:
        yield Finding.skip("unit", f"{name} is installed; no service manager of this user answers here")
    else:
        yield Finding.warn("unit", f"{name} is {enabled} and {active}", f"systemctl --user enable --now {name}")
    if not (_LINGER / user.name()).exists():
        yield Finding.warn("linger", f"{name} ends when you log out", "loginctl enable-linger")
    else:
        yield Finding.ok("linger", f"{name} goes on when you log out")


def _unit_name() -> str | None:
    """The name of the unit of this checkout; `systemd/service.sh` writes a line by which it is known."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "systemd/user"
    wanted = f"WorkingDirectory={str(CHECKOUT).replace('%', '%%')}"
    for path in sorted(itertools.islice(folder.glob("*.service"), _MAX_UNITS)):
        try:
            with path.open(errors="replace") as file:
                if wanted in file.read(_MAX_UNIT).splitlines():
                    return path.stem
        except OSError:
            continue
    return None


def _systemctl(question: str, name: str) -> str:
    """The word that systemctl answers; empty where nobody does."""
    try:
        done = subprocess.run(
            ["systemctl", "--user", question, f"{name}.service"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_CALL_TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
