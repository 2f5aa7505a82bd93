"""`openclaw doctor`: each thing that may be wrong is found, and said with what to do."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw.cli import main
from openclaw.cli.doctor import engine, files, machine, service, user
from openclaw.config import CHECKOUT, Config, load
from tests.support.fake_docker import FakeDocker
from tests.support.service import RunningService
from tests.support.talking import free_port

Check = Callable[[], tuple[int, dict[str, Any]]]



@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is wrong and no service runs."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("OPENCLAW_HOME", str(home))
    monkeypatch.setenv("OPENCLAW_PORT", free_port())
    monkeypatch.setenv("CONTAINER_RUNTIME", "process")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return home


@pytest.fixture
def check(home: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the doctor: its exit code, and of each name the worst that was found."""

    def check() -> tuple[int, dict[str, Any]]:
        code = main(["doctor", "--json"])
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] is (code == 0)
        order = ("skip", "ok", "warn", "fail")
        found: dict[str, Any] = {}
        for one in told["checks"]:
            assert one["advice"] or one["state"] in ("ok", "skip"), one
            assert "\n" not in one["advice"]
            if order.index(one["state"]) >= order.index(found.get(one["name"], one)["state"]):
                found[one["name"]] = one
        return code, found

    return check


def config(home: Path, **settings: str) -> Config:
    return load({"OPENCLAW_HOME": str(home), "PATH": os.environ["PATH"], **settings})


def test_without_a_service_nothing_has_failed_and_it_says_how_to_start(
    home: Path, check: Check
) -> None:
    code, found = check()
    assert code == 0
    assert {name for name, one in found.items() if one["state"] == "ok"} >= {"Python", "disk", "folders", "port"}
    assert found["service"]["detail"] == "it does not run"
    assert "make run" in found["service"]["advice"]
    assert found["model"]["state"] == "warn"
    assert not list(home.iterdir()), "a look changes nothing"


def test_a_running_service_is_recognised(
    home: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunningService(home) as running:
        monkeypatch.setenv("OPENCLAW_PORT", running.url.rpartition(":")[2])
        code, found = check()
        assert (code, found["service"]["state"]) == (0, "ok")

        monkeypatch.setenv("OPENCLAW_HOME", str(home.parent))
        code, found = check()
        assert (code, found["port"]["state"]) == (1, "fail")
        assert f"the service of {home} has" in found["port"]["detail"]

        monkeypatch.setenv("OPENCLAW_HOME", str(home))
        monkeypatch.setenv("OPENCLAW_PORT", free_port())
        code, found = check()
        assert (code, found["service"]["state"]) == (1, "fail")
        assert "a process has this home" in found["service"]["detail"]


def test_a_port_that_another_program_has_is_told(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # has the port, and takes no connection
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OPENCLAW_PORT", str(taken.getsockname()[1]))
        code, found = check()
    assert code == 1
    assert "cannot be had: Address already in use" in found["port"]["detail"]


def test_settings_that_make_no_sense_are_told_and_the_rest_is_looked_at(
    home: Path, check: Check
) -> None:
    (home / ".env").write_text("OPENCLAW_PORT=x\nQUEUE_LIMIT=many\n")
    code, found = check()
    assert code == 1
    assert found["settings"]["detail"].startswith("QUEUE_LIMIT takes a whole number")
    assert str(home / ".env") in found["settings"]["advice"]
    assert found["disk"]["state"] == "ok"


def test_a_model_without_a_key_and_a_home_of_nobody_are_told(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_ENGINE", "messages")
    code, found = check()
    assert code == 1
    assert "needs ANTHROPIC_API_KEY" in found["settings"]["detail"]

    monkeypatch.setenv("OPENCLAW_HOME", "~nobody-of-that-name/x")
    code, found = check()
    assert code == 1
    assert "a user who is not known here" in found["settings"]["detail"]


def test_a_file_in_the_place_of_a_folder_is_told(home: Path) -> None:
    (home / "logs").write_text("")
    (found,) = files.folders(home)
    assert (found.state, found.detail) == ("fail", f"{home / 'logs'} is no folder")


def test_what_cannot_be_looked_at_keeps_no_other_check_from_being_made(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_path: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "statvfs", fails)
    code, found = check()
    assert (code, found["disk"]["state"]) == (1, "fail")
    assert found["folders"]["state"] == "ok"


def test_a_misspelt_setting_is_a_warning(home: Path, check: Check) -> None:
    (home / ".env").write_text("OPENCLAW_PROT=1\n")
    (home / ".env").chmod(0o644)
    code, found = check()
    assert (code, found["settings"]["state"]) == (0, "warn")
    assert "did you mean OPENCLAW_PORT?" in found["settings"]["detail"]
    assert found[".env"]["advice"] == f"chmod 600 {home / '.env'}"


def test_for_people_each_finding_is_a_line_and_what_to_do_stands_below(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".env").write_text("QUEUE_LIMIT=many\n")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    failed = next(number for number, line in enumerate(lines) if line.startswith("FAIL  settings"))
    assert lines[failed + 1].strip().startswith("→ correct it in ")
    assert lines[-1].startswith("1 of ")


def test_folders_of_somebody_else_are_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "ipc/inbox").mkdir(parents=True)
    (home / "ipc/inbox").chmod(0o755)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != home / "ipc" and access(path, mode))
    shut, open_to_others = files.folders(home)
    assert (shut.state, open_to_others.state) == ("fail", "warn")
    assert f"sudo chown -R {user.name()} {home / 'ipc'}" in shut.advice
    assert open_to_others.advice == f"chmod 700 {home / 'ipc/inbox'}"


def test_a_machine_without_inotify_left_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(machine, "Inotify", none_left)
    (found,) = machine.inotify(home)
    assert found.state == "fail"
    assert "fs.inotify.max_user_instances" in found.advice


def test_fewer_instances_than_containers_are_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_limit", lambda _name: 128)
    assert not list(machine.watches_enough(config(home, CONTAINER_RUNTIME="docker")))
    (found,) = machine.watches_enough(config(home, CONTAINER_RUNTIME="docker", MAX_CONCURRENT_CONTAINERS="500"))
    assert (found.state, found.advice) == ("warn", "sudo sysctl fs.inotify.max_user_instances=1008")


def test_a_home_on_a_network_file_system_is_a_warning(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {home.parent} nfs4 rw 0 0\n/dev/b {home}/other ext4 rw 0 0\n")
    monkeypatch.setattr(machine, "_MOUNTS", mounts)
    assert [one.state for one in machine.inotify(home)] == ["ok", "warn"]


@pytest.mark.parametrize(("free", "state"), [(50, "fail"), (500, "warn"), (5000, "ok")])
def test_a_disk_that_is_nearly_full_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    blocks = (4096, 4096, 10**9, 0, free * 256, 10**9, 10**9, 10**9, 0, 255)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(blocks))
    (found,) = machine.disk(home)
    assert found.state == state


# The engine


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    fake = FakeDocker(tmp_path / "engine")
    for name in ("PATH", "FAKE_DOCKER_STATE"):
        monkeypatch.setenv(name, fake.environ()[name])
    yield fake
    fake.close()


def engines(home: Path, **settings: str) -> dict[str, Any]:
    environ = {"CONTAINER_RUNTIME": "auto", "PATH": os.environ["PATH"], **settings}
    return {one.name: one for one in engine.check(config(home, **environ))}


def test_an_engine_that_answers_is_told_with_its_version(home: Path, docker: FakeDocker) -> None:
    found = engines(home)
    assert found["docker CLI"].state == found["engine"].state == "ok"


def test_an_engine_that_is_down_is_told_with_how_to_start_it(home: Path, docker: FakeDocker) -> None:
    docker.knob("down", "1")
    found = engines(home)
    assert (found["engine"].state, found["engine"].advice) == ("fail", "sudo systemctl start docker")
    assert "WITHOUT isolation" in found["engine"].detail
    assert "image" not in found


def test_without_the_program_it_says_what_to_install(home: Path) -> None:
    (found,) = engines(home, CONTAINER_CLI="no-such-docker").values()
    assert (found.name, found.state) == ("no-such-docker CLI", "fail")
    assert "apt install docker.io" in found.advice


def test_a_socket_that_is_not_ours_is_told_with_the_group(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'permission denied while trying to connect to the Docker daemon' >&2; exit 1\n")
    program.chmod(0o755)
    found = engines(home, CONTAINER_CLI=str(program))
    assert found["engine"].state == "fail"
    assert "usermod -aG docker" in found["engine"].advice


@pytest.mark.parametrize(
    ("answer", "state", "advice"),
    [("exit 1", "fail", "make image"), ("echo old", "warn", "make image"), (f"echo {engine._digest()}", "ok", "")],
    ids=["missing", "stale", "fresh"],
)
def test_the_image_is_there_and_of_this_checkout(
    home: Path, tmp_path: Path, answer: str, state: str, advice: str
) -> None:
    program = tmp_path / "docker"
    info = "printf '20.10\\tDebian\\t[]\\n'"
    program.write_text(f"#!/bin/sh\ncase $1 in info) {info} ;; image) {answer} ;; esac\n")
    program.chmod(0o755)
    found = engines(home, CONTAINER_CLI=str(program))["image"]
    assert found.state == state
    assert found.advice.startswith(advice)


# The unit


@pytest.fixture
def manager(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs this checkout's unit beside another's, and a systemctl that answers with these two words."""

    def install(enabled: str, active: str) -> None:
        units = tmp_path / "config/systemd/user"
        units.mkdir(parents=True)
        (units / "another.service").write_text("[Service]\nWorkingDirectory=/elsewhere\n")
        (units / "claw.service").write_text(f"[Service]\nWorkingDirectory={CHECKOUT}\n")
        program = tmp_path / "bin/systemctl"
        program.parent.mkdir()
        asked = f'"is-enabled claw.service") echo {enabled};; "is-active claw.service") echo {active};;'
        program.write_text(f'#!/bin/sh\ncase "$2 $3" in {asked} esac\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setattr(service, "_LINGER", tmp_path / "linger")

    return install


@pytest.mark.parametrize(
    ("words", "state", "advice"),
    [
        (("enabled", "active"), "ok", ""),
        (("enabled", "failed"), "fail", "journalctl --user -u claw"),
        (("disabled", "inactive"), "warn", "systemctl --user enable --now claw"),
        (("", ""), "skip", ""),
    ],
)
def test_the_unit_of_this_checkout_is_asked_after(
    home: Path, manager: Callable[[str, str], None], words: tuple[str, str], state: str, advice: str
) -> None:
    manager(*words)
    unit, linger = service.unit(home)
    assert unit.state == state
    assert unit.advice.startswith(advice)
    assert (linger.state, linger.advice) == ("warn", "loginctl enable-linger")


def test_where_none_is_installed_that_is_no_fault(home: Path) -> None:
    (found,) = service.unit(home)
    assert found.state == "skip"
    assert "make install-service" in found.detail
