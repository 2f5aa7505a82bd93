"""The process runtime: children that end with the service, in groups of their own, reaped and told once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openclaw.containers.process import CHECKOUT, ProcessRuntime
from openclaw.containers.runtime import GLOBAL_DIR, Exit, Mount
from openclaw.errors import StartFailed
from tests.support.exits import Exits
from tests.support.specs import make_spec

WAIT = 30
Make = Callable[..., ProcessRuntime]


@pytest.fixture
def exits() -> Exits:
    return Exits()


@pytest.fixture
def make(exits: Exits) -> Iterator[Make]:
    """Makes runtimes whose children run a piece of Python."""
    made = []

    def make(script: str) -> ProcessRuntime:
        runtime = ProcessRuntime([sys.executable, "-P", "-c", script])
        runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.close()


WAIT_FOR_EOF = "import sys; sys.stdin.read()"


def test_a_child_is_listed_while_it_runs(make: Make, tmp_path: Path) -> None:
    runtime = make(WAIT_FOR_EOF)
    spec = make_spec(tmp_path, "c1")

    runtime.start(spec).result(WAIT)

    (found,) = runtime.list()
    assert found == ("c1", "dedicated", "main", "c1", "m1", runtime.config_digest(spec), True, None)


def test_a_child_that_ends_is_told_with_its_code_and_last_words(make: Make, exits: Exits, tmp_path: Path) -> None:
    make("import sys; sys.exit('no engine')").start(make_spec(tmp_path, "c1")).result(WAIT)

    assert exits.next() == Exit("c1", 1, "no engine")


def test_the_last_words_of_one_that_ends_by_itself_are_logged_and_of_one_that_is_killed_are_not(
    make: Make, exits: Exits, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = make("import sys; print('here', flush=True); sys.stdin.read() if 'waits' in sys.argv[2] else 0")
    runtime.start(make_spec(tmp_path, "ends")).result(WAIT)
    exits.next()
    runtime.start(make_spec(tmp_path, "waits")).result(WAIT)
    runtime.kill("waits").result(WAIT)
    exits.next()

    said = [record.getMessage() for record in caplog.records if "wrote" in record.getMessage()]
    assert said == ["The container ends ended by itself; the last that it wrote: here"]


def test_a_child_is_told_where_its_way_to_the_model_is(make: Make, exits: Exits, tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "c1")
    make("import os, sys; sys.exit(os.environ['OPENCLAW_GATEWAY'])").start(spec).result(WAIT)

    assert exits.next().detail == str(spec.channel_path / "gw" / "s")


def test_a_kill_is_told_as_137(make: Make, exits: Exits, tmp_path: Path) -> None:
    runtime = make(WAIT_FOR_EOF)
    runtime.start(make_spec(tmp_path, "c1")).result(WAIT)

    runtime.kill("c1").result(WAIT)

    assert exits.next() == Exit("c1", 137, "")


def test_after_a_removal_the_name_is_free(make: Make, exits: Exits, tmp_path: Path) -> None:
    runtime = make(WAIT_FOR_EOF)
    for _ in range(2):
        runtime.start(make_spec(tmp_path, "main")).result(WAIT)
        runtime.remove("main").result(WAIT)
        assert exits.next() == Exit("main", 137, "")
    assert runtime.list() == []


def test_a_name_in_use_is_refused(make: Make, tmp_path: Path) -> None:
    runtime = make(WAIT_FOR_EOF)
    runtime.start(make_spec(tmp_path, "c1")).result(WAIT)

    with pytest.raises(StartFailed, match="c1 runs already"):
        runtime.start(make_spec(tmp_path, "c1")).result(WAIT)


def test_killing_and_removing_what_is_not_there_is_fine(make: Make) -> None:
    runtime = make(WAIT_FOR_EOF)
    runtime.kill("nobody").result(WAIT)
    runtime.remove("nobody").result(WAIT)


def test_a_stopped_child_is_killed_all_the_same(make: Make, exits: Exits, tmp_path: Path) -> None:
    runtime = make("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
    runtime.start(make_spec(tmp_path, "c1")).result(WAIT)

    runtime.kill("c1").result(WAIT)

    assert exits.next().code == 137


def test_grandchildren_end_with_the_child(make: Make, exits: Exits, tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    runtime = make(
        f"import os, subprocess, sys\nfd = os.open({str(fifo)!r}, os.O_RDWR)\n"
        "subprocess.Popen(['sleep', '1000'], pass_fds=[fd])\nsys.stdout.write('begun')"
    )
    runtime.start(make_spec(tmp_path, "c1")).result(WAIT)

    assert exits.next().code == 0

    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "nobody holds the other end any more"
    os.close(reader)


def test_output_of_any_size_neither_blocks_the_child_nor_grows(make: Make, exits: Exits, tmp_path: Path) -> None:
    make("import sys; sys.stdout.write('x' * 10**7); sys.exit('the end')").start(make_spec(tmp_path, "c1"))

    assert exits.next() == Exit("c1", 1, ("x" * 200 + "the end")[-200:])


def test_children_see_their_settings_and_no_key(
    make: Make, exits: Exits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    spec = make_spec(tmp_path, "c1", env={"TZ": "UTC"})

    make("import os, sys; sys.exit(' '.join(sorted(os.environ)) + ' ' + os.getcwd())").start(spec)

    detail = exits.next().detail.split()
    assert "TZ" in detail
    assert "ANTHROPIC_API_KEY" not in detail
    assert detail[-1] == str(spec.group_dir)


@pytest.mark.parametrize(("name", "place"), [("OPENCLAW_GATEWAY", "channels/c1/gw/s"), ("OPENCLAW_GLOBAL", "all")])
def test_what_a_container_has_at_a_fixed_place_is_told_by_its_own_path(
    make: Make, exits: Exits, tmp_path: Path, name: str, place: str
) -> None:
    spec = make_spec(tmp_path, "c1", mounts=(Mount(tmp_path / "all", GLOBAL_DIR),))

    make(f"import os, sys; sys.exit(os.environ['{name}'])").start(spec)

    assert exits.next().detail == str(tmp_path / place)


def test_a_runner_that_cannot_be_run_is_a_failed_start(exits: Exits, tmp_path: Path) -> None:
    runtime = ProcessRuntime(["/nonexistent/runner"])
    runtime.open(exits.on_exit, exits.on_engine_up, exits.on_image_changed)

    with pytest.raises(StartFailed, match="No such file"):
        runtime.start(make_spec(tmp_path, "c1")).result(WAIT)
    runtime.close()


def test_that_mounts_and_networks_do_nothing_here_is_said_once(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = make(WAIT_FOR_EOF)
    for name in ("c1", "c2"):
        mounts = (Mount(tmp_path, "/workspace/extra/data"),)
        runtime.start(make_spec(tmp_path, name, mounts=mounts, network="bridge")).result(WAIT)

    assert [message for message in caplog.messages if "mounts, networks and limits" in message] == caplog.messages
    assert len(caplog.messages) == 1


def test_close_ends_the_children_and_tells_nothing_more(make: Make, exits: Exits, tmp_path: Path) -> None:
    runtime = make(WAIT_FOR_EOF)
    runtime.start(make_spec(tmp_path, "c1")).result(WAIT)

    runtime.close()

    assert exits.told.empty()


SERVICE = """
import sys
from pathlib import Path
from openclaw.containers.process import CHECKOUT, ProcessRuntime
from tests.support.specs import make_spec
child = "import sys; out = open(sys.argv[1] + '/in/alive', 'w'); print(1, file=out, flush=True); sys.stdin.read()"
runtime = ProcessRuntime([sys.executable, "-c", child.replace("sys.argv[1]", repr(sys.argv[1]))])
runtime.start(make_spec(Path(sys.argv[2]), "c1")).result(30)
sys.stdin.read()
"""


def test_children_end_when_the_service_is_killed(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "c1")
    fifo = spec.channel_path / "in" / "alive"
    os.mkfifo(fifo)
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(spec.channel_path), str(tmp_path)], stdin=subprocess.PIPE, cwd=CHECKOUT
    )

    with fifo.open() as alive:
        assert alive.readline() == "1\n"
        service.kill()
        assert alive.read() == "", "the child has read the end of its stdin, and is gone"

    service.communicate(timeout=WAIT)
