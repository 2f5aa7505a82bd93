"""The unit in a real `systemctl --user` session: a container with systemd as its first process, and a user in it.

No engine is in there, so agents are plain processes; what the unit does is the same. The image is made from Debian
packages, once, by root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers.cli import Cli
from tests.docker.test_operations import RESTART
from tests.support.log_lines import LogLines
from tests.support.service import CHECKOUT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the image"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
]

IMAGE = "openclaw-systemd:bookworm"
PACKAGES = "python3,python3-requests,python3-venv,make,systemd-sysv,dbus,dbus-user-session,libpam-systemd"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
USER = "ann"
FOLDER = "openclaw"
BOUND = 60


@pytest.fixture(scope="module")
def systemd_image(engine: Cli) -> str:
    """Debian with systemd and what openclaw needs; kept on the engine for the next run."""
    if engine.run(["image", "inspect", "--format={{.Id}}", IMAGE]).code == 0:
        return IMAGE
    with tempfile.TemporaryDirectory(prefix="openclaw-systemd-") as root:
        make = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root, MIRROR]
        subprocess.run(make, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=1200, check=True)
        packed = f"tar -C {root} --one-file-system -c . | {engine.program} import - {IMAGE}"
        shell = ["/bin/bash", "-o", "pipefail", "-c", packed]
        subprocess.run(shell, stdout=subprocess.DEVNULL, timeout=600, check=True)
    return IMAGE


class Machine:
    """A container in which USER has a service manager. `home`, on this side, is the user's folder, with a checkout."""

    def __init__(self, engine: Cli, installation: str, home: Path) -> None:
        self._engine = engine
        self.name = f"openclaw-{installation}"
        self.home = home
        options = [
            "--detach", f"--name={self.name}", f"--label=openclaw.installation={installation}", "--network=none",
            "--cap-add=SYS_ADMIN", "--cap-add=SYS_NICE", "--cap-add=NET_ADMIN", "--security-opt=seccomp=unconfined",
            "--tmpfs=/run:exec", "--tmpfs=/run/lock", "--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
            "--env=container=docker", f"--mount=type=bind,src={home},dst=/home/{USER}",
        ]  # fmt: skip
        assert engine.run(["run", *options, IMAGE, "/sbin/init"], BOUND).code == 0
        self.as_root("systemctl is-system-running --wait")
        self.as_root(f"useradd --shell /bin/bash {USER} && chown {USER}: /home/{USER} && loginctl enable-linger {USER}")
        self.as_root(f"systemctl start user@$(id -u {USER})")

    def check_out(self, name: str) -> Path:
        """Put this checkout's files into the user's folder `name`, with a .venv for which nothing is fetched."""
        tracked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(tracked, cwd=CHECKOUT, stdout=subprocess.PIPE, timeout=BOUND, check=True).stdout
        for file in filter(None, names.decode().split("\0")):
            source = CHECKOUT / file
            if source.is_file():
                (self.home / name / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, self.home / name / file)
        self.as_root(f"chown -R {USER}: /home/{USER}/{name}")
        self.run("python3 -m venv --system-site-packages --without-pip .venv && touch .venv/made", name)
        return self.home / name

    def as_root(self, command: str) -> str:
        return self._run(["--user=root"], command)[1]

    def run(self, command: str, folder: str = FOLDER, code: int = 0) -> str:
        """What `command` prints, typed by the user in the checkout `folder`."""
        options = [f"--user={USER}", f"--workdir=/home/{USER}/{folder}", "--env=XDG_RUNTIME_DIR=/run/user/1000"]
        found, text = self._run(options, command)
        assert found == code, text
        return text

    def _run(self, options: list[str], command: str) -> tuple[int, str]:
        output = self._engine.run(["exec", *options, self.name, "/bin/bash", "-c", command], 2 * BOUND)
        return output.code, f"{output.stdout}\n{output.stderr}".strip()

    def ask(self, text: str, folder: str = FOLDER) -> str:
        """Send a message and return what is answered."""
        return self.run(f".venv/bin/python -m openclaw send '{text}'", folder)

    def shown(self, name: str) -> str:
        """A property of the unit."""
        return self.run(f"systemctl --user show --property={name} --value openclaw")


@pytest.fixture(scope="module")
def machine(engine: Cli, systemd_image: str) -> Iterator[Machine]:
    """One for all tests of this file, each of which leaves the service running."""
    assert systemd_image == IMAGE
    installation = f"test-{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="openclaw-home-") as home:
        try:
            machine = Machine(engine, installation, Path(home))
            machine.check_out(FOLDER)
            assert "openclaw runs" in machine.run("make install-service")
            yield machine
        finally:
            engine.run(["rm", "--force", "--volumes", f"openclaw-{installation}"], BOUND)


@pytest.fixture
def log(machine: Machine) -> Iterator[LogLines]:
    """What the service logs from here on."""
    with closing(LogLines(machine.home / FOLDER / "logs/app.log")) as lines:
        lines.skip()
        yield lines


def test_an_installed_service_runs_and_comes_back_at_each_login(machine: Machine) -> None:
    assert "Hello" in machine.ask("hello")
    assert machine.shown("ActiveState") == "active"
    assert machine.shown("UnitFileState") == "enabled"


def test_a_restart_loses_nothing(machine: Machine) -> None:
    before = machine.shown("MainPID")
    machine.run(RESTART)
    assert machine.shown("MainPID") != before
    assert "Hello" in machine.ask("hello")
    assert machine.shown("NRestarts") == "0"


def test_a_killed_service_is_started_again_and_answers_what_came_meanwhile(machine: Machine, log: LogLines) -> None:
    machine.run("systemctl --user kill --signal=SIGSTOP openclaw")  # what is dropped now is taken by the next one
    (machine.home / FOLDER / "ipc/inbox/kept.json").write_text('{"text": "6 * 7"}')
    machine.run("systemctl --user kill --signal=SIGKILL openclaw")
    log.find("Response timing")
    assert "6 * 7 = 42" in json.loads((machine.home / FOLDER / "ipc/outbox/kept.json").read_text())["text"]
    assert machine.shown("NRestarts") == "1"


def test_a_service_that_hangs_is_killed_and_started_again(machine: Machine, log: LogLines) -> None:
    override = machine.home / ".config/systemd/user/openclaw.service.d/short.conf"
    override.parent.mkdir()
    override.write_text("[Service]\nWatchdogSec=3\n")
    machine.run(f"systemctl --user daemon-reload && {RESTART}")
    log.find("Main persistent container ready")
    machine.run("systemctl --user kill --kill-whom=main --signal=SIGSTOP openclaw")
    log.find("Main persistent container ready")
    assert "Hello" in machine.ask("hello")
    shutil.rmtree(override.parent)
    machine.run(f"systemctl --user daemon-reload && {RESTART}")


def test_settings_that_make_no_sense_are_said_once_and_not_tried_again(machine: Machine) -> None:
    settings = machine.home / FOLDER / ".env"
    settings.write_text("QUEUE_LIMIT=many\n")
    machine.run(RESTART, code=1)
    assert machine.shown("Result") == "exit-code"
    assert machine.shown("ExecMainStatus") == "2"
    assert machine.shown("ActiveState") == "failed"
    assert "QUEUE_LIMIT" in machine.run("journalctl --user --unit=openclaw --no-pager || tail -n 5 logs/app.log")
    settings.write_text("")
    machine.run(RESTART)


def test_another_checkout_does_not_take_the_unit_away(machine: Machine) -> None:
    other = machine.check_out("other")
    (other / ".env").write_text("OPENCLAW_PORT=8766\nCONTAINER_PREFIX=other\n")
    assert "belongs to another checkout" in machine.run("make install-service", "other", code=2)
    assert "openclaw-2 runs" in machine.run("make install-service SERVICE=openclaw-2", "other")
    assert "Hello" in machine.ask("hello", "other")
    assert "belongs to another checkout" in machine.run("make uninstall-service", "other", code=2)
    assert "openclaw-2 is stopped and removed" in machine.run("make uninstall-service SERVICE=openclaw-2", "other")
    assert "Hello" in machine.ask("hello")


def test_what_is_uninstalled_is_gone_but_for_its_files(machine: Machine) -> None:
    assert "openclaw is stopped and removed" in machine.run("make uninstall-service")
    assert machine.shown("LoadState") == "not-found"
    assert (machine.home / FOLDER / "ipc/outbox/kept.json").exists()
    assert list((machine.home / FOLDER / "ipc/channels").iterdir()) == []
    assert "openclaw runs" in machine.run("make install-service")
