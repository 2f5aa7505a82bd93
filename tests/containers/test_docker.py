"""The docker runtime on a scripted engine: what it tells, and what it does when the engine misbehaves."""

from __future__ import annotations

import csv
import itertools
import logging
import os
import queue
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from openclaw.clock import SystemClock
from openclaw.containers import docker_run
from openclaw.containers.cli import Cli
from openclaw.containers.docker import MAX_CHANGES, DockerRuntime, Timeouts
from openclaw.containers.docker_ends import LAST_LINES
from openclaw.containers.runtime import Exit, Mount
from openclaw.errors import EngineOverdue, EngineUnavailable, ImageMissing, NameConflict, RuntimeFailure, StartFailed
from tests.containers.conftest import MakeRuntime
from tests.support.clock import FakeClock
from tests.support.exits import Exits
from tests.support.fake_docker import FakeDocker
from tests.support.file_events import FileEvents
from tests.support.no_threads import no_thread
from tests.support.specs import make_spec

WAIT = 30


def names(fake: FakeDocker) -> list[str]:
    return [container["name"] for container in fake.containers()]


def removals(fake: FakeDocker) -> list[list[str]]:
    return [call for call in fake.calls() if call[0] == "rm"]


def test_a_started_container_is_listed_with_what_its_labels_say(runtime: DockerRuntime, tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "c1", runtime.container_uid)

    runtime.start(spec).result(WAIT)

    (found,) = runtime.list()
    assert found == ("c1", "dedicated", "main", "c1", "m1", runtime.config_digest(spec), True, None)


def test_a_container_that_ends_is_told_with_its_exit_code(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    fake.knob("command", ["sh", "-c", "exit 7"])

    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)

    assert exits.next() == Exit("c1", 7, "")
    assert [found.exit_code for found in runtime.list()] == [7]


def test_a_kill_is_told_as_137(runtime: DockerRuntime, exits: Exits, tmp_path: Path) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)

    runtime.kill("c1").result(WAIT)

    assert exits.next() == Exit("c1", 137, "")


def test_a_paused_container_is_removed_all_the_same(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.docker("pause", "c1")

    runtime.remove("c1").result(WAIT)

    assert exits.next() == Exit("c1", 137, "")
    assert runtime.list() == []


def test_killing_and_removing_what_is_not_there_is_fine(runtime: DockerRuntime, tmp_path: Path) -> None:
    runtime.kill("nobody").result(WAIT)
    runtime.remove("nobody").result(WAIT)


def test_the_same_name_started_again_is_told_again(runtime: DockerRuntime, exits: Exits, tmp_path: Path) -> None:
    for _ in range(2):
        runtime.start(make_spec(tmp_path, "main", runtime.container_uid)).result(WAIT)
        runtime.remove("main").result(WAIT)
        assert exits.next() == Exit("main", 137, "")


def test_an_exit_tells_which_of_two_containers_of_one_name_has_ended(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    for cid in ("killed", "removed"):
        runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid=cid)).result(WAIT)
        (runtime.kill if cid == "killed" else runtime.remove)(cid).result(WAIT)
        assert exits.next() == Exit(cid, 137, "")
    runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid="gone")).result(WAIT)
    (container,) = fake.containers()
    record = fake.state / "containers" / f"{container['id']}.json"
    record.rename(fake.state / "elsewhere.json")
    runtime.list()
    assert exits.next() == Exit("gone", None, "it was removed")
    (fake.state / "elsewhere.json").rename(record)


def test_what_ends_one_container_does_not_touch_the_next_of_its_name(
    runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path
) -> None:
    for cid in ("old", "new"):
        runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid=cid)).result(WAIT)

    runtime.kill("old").result(WAIT)
    runtime.remove("old").result(WAIT)

    assert [(found.cid, found.running) for found in runtime.list()] == [("new", True)]


def test_each_end_is_told_once_however_often_one_looks(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.docker("kill", "c1")
    for _ in range(3):
        runtime.list()
    fake.docker("rm", "c1")
    runtime.list()
    runtime.start(make_spec(tmp_path, "c2", runtime.container_uid)).result(WAIT)
    runtime.kill("c2").result(WAIT)

    assert [exits.next().cid, exits.next().cid] == ["c1", "c2"]


def test_a_container_of_an_earlier_run_is_found_and_watched(
    make_runtime: MakeRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    first = make_runtime()
    first.start(make_spec(tmp_path, "c1", first.container_uid)).result(WAIT)
    first.close()

    second = make_runtime()
    assert [found.name for found in second.list()] == ["c1"]
    fake.docker("kill", "c1")

    assert exits.next() == Exit("c1", 137, "")


def test_what_a_dead_process_brings_up_late_is_removed_at_the_next_look(
    runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path
) -> None:
    ours = ["--label=openclaw.installation=here", "--label=openclaw.role=dedicated", "--label=openclaw.group=main"]
    fake.docker("run", "--name=left", *ours, "--label=openclaw.cid=left", "agent:latest")
    assert [found.name for found in runtime.list()] == ["left"]
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    runtime.look_soon()
    fake.docker("run", "--name=late", *ours, "--label=openclaw.cid=late", "agent:latest")
    with closing(FileEvents(fake.state / "containers")) as events:
        runtime.look_soon()
        events.until(lambda: "late" not in names(fake))

    assert sorted(names(fake)) == ["c1", "left"]
    runtime.remove("left").result(WAIT)
    assert [found.name for found in runtime.list()] == ["c1"]


def test_our_own_leftover_of_the_name_makes_room(runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path) -> None:
    fake.docker("run", "--name=main", "--label=openclaw.installation=here", "agent:latest")

    runtime.start(make_spec(tmp_path, "main", runtime.container_uid)).result(WAIT)

    assert [found.cid for found in runtime.list()] == ["main"]


def test_a_name_of_another_installation_is_left_alone(runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path) -> None:
    fake.docker("run", "--name=main", "--label=openclaw.installation=elsewhere", "agent:latest")

    with pytest.raises(NameConflict, match="CONTAINER_PREFIX"):
        runtime.start(make_spec(tmp_path, "main", runtime.container_uid)).result(WAIT)
    runtime.remove("main").result(WAIT)

    assert names(fake) == ["main"]


def test_a_missing_image_says_how_to_make_it(runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path) -> None:
    fake.knob("image", "")

    with pytest.raises(ImageMissing, match="make image"):
        runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    assert "make image" in runtime.problem()


def test_an_image_that_comes_is_found_by_the_next_look(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    fake.knob("image", "")
    with pytest.raises(ImageMissing):
        runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)

    fake.knob("image")
    runtime.look()

    exits.engine_up()
    assert runtime.problem() == ""


def test_nobody_is_told_of_an_image_that_comes_before_its_start_has_failed(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    """Whoever is told by the start afterwards would wait for a word that has come already."""
    fake.knob("image", "")
    start = runtime.start(make_spec(tmp_path, "c1", runtime.container_uid))
    failed: list[bool] = []

    def told(_: object) -> None:
        fake.knob("image")
        runtime.look()  # it is there by now, and nobody has said that it was lost
        failed.append(exits.ups.empty())

    start.add_done_callback(told)
    with pytest.raises(ImageMissing):
        start.result(WAIT)
    exits.engine_up()  # by the look that follows

    assert failed in ([True], [])
    assert runtime.problem() == ""


def test_the_end_of_another_installations_container_is_not_told(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    labels = ["--label=openclaw.installation=there", "--label=openclaw.cid=c0"]
    fake.docker("run", "--name=theirs", *labels, "agent:latest")
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.docker("kill", "theirs")
    fake.docker("kill", "c1")

    assert exits.next() == Exit("c1", 137, "")


def test_a_refused_start_gives_the_engines_reason(runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path) -> None:
    fake.knob("fail", {"run": "docker: Error response from daemon: no space left on device"})

    with pytest.raises(StartFailed, match=r"refused the container: no space left on device"):
        runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)


def test_an_engine_that_is_down_pauses_starts_and_is_noticed_when_it_is_back(
    make_runtime: MakeRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime = make_runtime(clock=FakeClock())
    runtime.start(make_spec(tmp_path, "c0", runtime.container_uid)).result(WAIT)
    fake.go_down()

    with pytest.raises(EngineUnavailable, match="no Docker engine answers"):
        runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    assert runtime.start_delay() > 0

    fake.knob("down")
    exits.engine_up()
    assert runtime.start_delay() == 0
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)


def test_what_ended_while_the_engine_was_away_is_told_when_it_is_back(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.go_down()
    fake.close()
    (fake.state / "events.log").unlink()
    fake.knob("down")

    assert exits.next() == Exit("c1", 137, "")


def test_a_container_that_vanished_is_told_without_a_code(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    (container,) = fake.containers()
    record = fake.state / "containers" / f"{container['id']}.json"
    record.rename(fake.state / "elsewhere.json")

    runtime.look_soon()

    assert exits.next() == Exit("c1", None, "it was removed")
    (fake.state / "elsewhere.json").rename(record)


def test_a_start_that_hangs_but_runs_counts_as_started(
    make_runtime: MakeRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    fake.knob("hang_after", ["run"])
    runtime = make_runtime(start_timeout=4)

    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.docker("kill", "c1")

    assert exits.next() == Exit("c1", 137, "")


def test_a_start_given_up_is_removed_when_it_comes_up_late(
    make_runtime: MakeRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime = make_runtime(start_timeout=0.5)
    fake.knob("hang", ["run"])
    with pytest.raises(EngineOverdue, match="has not started c1"):
        runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.knob("hang")
    fake.docker("run", "--name=c1", "--label=openclaw.installation=here", "--label=openclaw.cid=c1", "agent:latest")

    assert runtime.list() == [], "it is not ours to use"
    runtime.close()  # after what it had begun

    assert names(fake) == []
    with pytest.raises(queue.Empty):
        exits.told.get_nowait()


def test_one_that_comes_up_late_leaves_its_name_to_the_next(
    make_runtime: MakeRuntime, fake: FakeDocker, tmp_path: Path
) -> None:
    runtime = make_runtime(start_timeout=4, end=4)  # the second start must come within it
    fake.knob("hang", ["run"])
    with pytest.raises(EngineOverdue):
        runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid="late")).result(WAIT)
    fake.knob("hang", ["rm"])  # so that it is still there at the next start
    fake.docker("run", "--name=main", "--label=openclaw.installation=here", "--label=openclaw.cid=late", "agent:latest")
    runtime.list()
    fake.knob("hang")

    runtime.start(make_spec(tmp_path, "main", runtime.container_uid, cid="next")).result(WAIT)

    assert [found.cid for found in runtime.list()] == ["next"]


def test_three_overdue_starts_are_enough(
    make_runtime: MakeRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime = make_runtime(start_timeout=0.5, clock=FakeClock())
    fake.knob("hang", ["run"])
    for number in range(3):
        with pytest.raises(EngineOverdue):
            runtime.start(make_spec(tmp_path, f"c{number}", runtime.container_uid)).result(WAIT)
    assert runtime.start_delay() > 0

    with pytest.raises(EngineUnavailable, match="the next try is in"):
        runtime.start(make_spec(tmp_path, "c3", runtime.container_uid)).result(WAIT)


def test_at_most_eight_calls_change_the_engine_at_once(tmp_path: Path) -> None:
    """Each call notes its begin and its end; the notes are counted."""
    program, notes = tmp_path / "docker", tmp_path / "notes"
    program.write_text(
        f"#!/bin/sh\n[ $1 = image ] && exec echo sha256:1\n[ $1 = run ] || exit 1\n"
        f"echo 1 >> '{notes}'; head -c 1000000 /dev/urandom | sha256sum; echo -1 >> '{notes}'\n"
    )
    program.chmod(0o755)
    with closing(DockerRuntime(Cli(str(program)), SystemClock(), "here", "agent:latest")) as runtime:
        for start in [runtime.start(make_spec(tmp_path, f"c{n}", runtime.container_uid)) for n in range(40)]:
            start.result(WAIT)

    at_once = list(itertools.accumulate(int(note) for note in notes.read_text().split()))
    assert len(at_once) == 80
    assert 1 < max(at_once) <= 8


def test_main_does_not_wait_behind_the_starts_of_others(tmp_path: Path) -> None:
    """Every start waits for a word on a FIFO; the order in which they begin is noted."""
    program, notes, word = tmp_path / "docker", tmp_path / "notes", tmp_path / "word"
    program.write_text(
        "#!/bin/sh\n[ $1 = image ] && exec echo sha256:1\n[ $1 = run ] || exit 1\n"
        f"echo $3 >> '{notes}'; read -r line < '{word}'; echo the-id\n"
    )
    program.chmod(0o755)
    notes.touch()
    os.mkfifo(word)
    with (
        closing(DockerRuntime(Cli(str(program)), SystemClock(), "here", "agent:latest")) as runtime,
        closing(FileEvents(tmp_path)) as events,
    ):
        starts = [runtime.start(make_spec(tmp_path, f"c{n}", runtime.container_uid)) for n in range(40)]
        events.until(lambda: len(notes.read_text().split()) == 8)
        main = runtime.start(make_spec(tmp_path, "main", runtime.container_uid, role="main"))
        with word.open("w", buffering=1) as said:
            said.write("go\n")
            events.until(lambda: len(notes.read_text().split()) == 8 + 1)
            assert notes.read_text().split()[-1] == "--name=main"
            said.write("go\n" * 40)
            for start in (*starts, main):
                start.result(WAIT)


def test_ends_that_hang_do_not_hold_up_a_start(make_runtime: MakeRuntime, fake: FakeDocker, tmp_path: Path) -> None:
    runtime = make_runtime(close=0.5)
    for number in range(9):
        runtime.start(make_spec(tmp_path, f"c{number}", runtime.container_uid)).result(WAIT)
    fake.knob("hang", ["rm"])
    with closing(FileEvents(fake.state)) as events:
        for number in range(9):
            runtime.remove(f"c{number}")
        events.until(lambda: len(removals(fake)) == MAX_CHANGES - 1)

    runtime.start(make_spec(tmp_path, "c9", runtime.container_uid)).result(WAIT)

    assert len(removals(fake)) == MAX_CHANGES - 1


def test_removals_do_not_heap_up_on_an_engine_that_hangs(tmp_path: Path) -> None:
    """Seven hang before it is known; from then on there is one at a time. Each notes its process and never returns."""
    program, notes = tmp_path / "docker", tmp_path / "notes"
    program.write_text(
        "#!/bin/sh\n[ $1 = image ] && exec echo sha256:1\n[ $1 = run ] && exec echo id-$$\n[ $1 = rm ] || exit 1\n"
        f"echo $$ >> '{notes}'; exec sleep 1000\n"
    )
    program.chmod(0o755)
    notes.touch()
    timeouts = Timeouts(end=1, close=0)
    with (
        closing(DockerRuntime(Cli(str(program)), SystemClock(), "here", "agent:latest", timeouts)) as runtime,
        closing(FileEvents(tmp_path)) as events,
    ):
        for number in range(20):
            runtime.start(make_spec(tmp_path, f"c{number}", runtime.container_uid)).result(WAIT)
        gone = [runtime.remove(f"c{number}") for number in range(20)]
        at_once: list[int] = []

        def three_more() -> bool:
            later = [int(pid) for pid in notes.read_text().split()[MAX_CHANGES - 1 :]]
            at_once.append(sum(Path(f"/proc/{pid}").exists() for pid in later))
            return len(later) == 3

        events.until(three_more)
        assert max(at_once) == 1
        assert not any(future.done() for future in gone)


def test_however_often_one_looks_a_container_is_removed_once(make_runtime: MakeRuntime, fake: FakeDocker) -> None:
    runtime = make_runtime(close=0.5)
    runtime.list()  # what is there from now on and was not started here belongs to nobody
    fake.knob("hang", ["rm"])
    fake.docker("run", "--name=late", "--label=openclaw.installation=here", "--label=openclaw.cid=late", "agent:latest")
    for _ in range(5):
        runtime.list()
    fake.knob("hang")

    runtime.close()

    assert len(removals(fake)) == 1


def test_one_that_is_removed_while_it_is_being_started_does_not_stay(
    runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path
) -> None:
    """Its turn was cancelled in the first moments: the engine does not list it yet."""
    (fake.state / "locks").mkdir()
    os.mkfifo(fake.state / "locks/run")
    program, held = fake.state / "bin/docker", fake.state / "bin/.docker"
    held.write_text(program.read_text().replace("exec", f'[ "$1" != run ] || cat "{fake.state}/locks/run"; exec'))
    held.chmod(0o755)
    held.rename(program)  # renamed into place: one that runs cannot be written to, and half of one is none
    started = runtime.start(make_spec(tmp_path, "c1", runtime.container_uid))
    with open(fake.state / "locks/run", "wb"):  # the start has got so far
        removed = runtime.remove("c1")
        runtime.remove("nobody").result(WAIT)  # so the first one has been looked for as well
        assert not removed.done()

    started.result(WAIT)
    removed.result(WAIT)
    assert names(fake) == []


def test_a_removal_that_is_refused_is_tried_again_at_the_next_tick(
    runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.knob("fail", {"rm": "Error response from daemon: device or resource busy"})
    with closing(FileEvents(fake.state)) as events:
        gone = runtime.remove("c1")
        events.until(lambda: len(removals(fake)) == 1)
    fake.knob("fail")
    assert not gone.done()

    runtime.look_soon()

    gone.result(WAIT)
    assert names(fake) == []


def test_a_stop_ends_in_time_whatever_the_engine_does_and_says_what_is_left(
    make_runtime: MakeRuntime, fake: FakeDocker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = make_runtime(close=0.5)
    for number in range(12):
        runtime.start(make_spec(tmp_path, f"c{number}", runtime.container_uid)).result(WAIT)
    fake.knob("hang", ["rm", "run", "ps", "kill"])
    with closing(FileEvents(fake.state)) as events:
        for number in range(11):
            runtime.remove(f"c{number}")
        events.until(lambda: len(removals(fake)) == MAX_CHANGES - 1)
        runtime.kill("c11")
        events.until(lambda: fake.calls()[-1][0] == "kill")
    late = runtime.start(make_spec(tmp_path, "late", runtime.container_uid))
    runtime.look_soon()

    runtime.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("docker-")]
    with pytest.raises(EngineUnavailable):
        late.result(0)
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith("The engine has not removed 13 containers (c0, c1, c10, c11, c2, ")
    assert told.endswith("; the next start of the service does")


def test_a_clean_stop_carries_out_the_removals_that_were_asked_for(
    make_runtime: MakeRuntime, fake: FakeDocker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = make_runtime()
    for number in range(12):
        runtime.start(make_spec(tmp_path, f"c{number}", runtime.container_uid)).result(WAIT)
    gone = [runtime.remove(f"c{number}") for number in range(12)]

    runtime.close()

    assert all(future.done() for future in gone)
    assert names(fake) == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_a_container_wrote_last_that_ended_unasked_is_logged_before_it_is_removed(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake.knob("command", ["sh", "-c", "seq 100; echo last; echo said >&2; exit 3"])
    runtime.start(make_spec(tmp_path, "openclaw-c1", runtime.container_uid, cid="c1")).result(WAIT)
    assert exits.next() == Exit("c1", 3, "")

    runtime.remove("c1").result(WAIT)

    (told,) = (record.getMessage() for record in caplog.records)
    head, _, text = told.partition("; ")
    assert head == "The container openclaw-c1 ended by itself"
    assert text.endswith("\n99\n100\nlast\nsaid")
    assert len(text.splitlines()) <= LAST_LINES + 1
    assert [call[0] for call in fake.calls()][-2:] == ["logs", "rm"]


@pytest.mark.parametrize("verb", ["kill", "remove"])
def test_of_one_that_was_ended_here_nothing_is_said(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path, verb: str
) -> None:
    fake.knob("command", ["sh", "-c", "echo here; exec sleep 1000"])
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    getattr(runtime, verb)("c1")
    exits.next()

    runtime.remove("c1").result(WAIT)

    assert "logs" not in [call[0] for call in fake.calls()]


def test_words_that_cannot_be_read_hold_up_no_removal(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    fake.knob("command", ["sh", "-c", "exit 3"])
    fake.knob("fail", {"logs": "Cannot connect to the Docker daemon"})
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    exits.next()

    runtime.remove("c1").result(WAIT)

    assert names(fake) == []


def has_looked(fake: FakeDocker, times: int) -> bool:
    return sum(call[0] == "ps" for call in fake.calls()) == times


def inspections(fake: FakeDocker) -> int:
    return sum(call[:2] == ["image", "inspect"] for call in fake.calls())


def test_a_new_image_is_told_by_the_list_alone_and_labels_what_is_started_from_then_on(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    """The engine shows an image's id for containers whose image has lost its name."""
    runtime.start(make_spec(tmp_path, "c0", runtime.container_uid)).result(WAIT)
    runtime.kill("c0").result(WAIT)
    exits.next()  # so the events are followed, and the look at their beginning is over
    spec = make_spec(tmp_path, "c1", runtime.container_uid)
    before = runtime.config_digest(spec)
    asked = inspections(fake)
    runtime.start(spec).result(WAIT)
    for _ in range(3):
        runtime.list()
    assert exits.images.empty()
    assert inspections(fake) == asked

    fake.knob("image", "sha256:" + "a" * 64)
    runtime.look_soon()
    exits.image_changed()

    runtime.list()
    assert exits.images.empty(), "it is told once"
    runtime.start(make_spec(tmp_path, "c2", runtime.container_uid)).result(WAIT)
    assert inspections(fake) == asked + 1
    configs = {found.name: found.config for found in runtime.list()}
    assert configs["c1"] == before
    assert configs["c2"] == runtime.config_digest(spec) != before


def test_one_that_was_never_looked_at_tells_of_a_new_image_too(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    fake.knob("image", "sha256:" + "a" * 64)

    runtime.look_soon()

    exits.image_changed()


def test_where_nothing_runs_that_would_tell_the_image_is_asked_for_when_it_is_needed(
    fake: FakeDocker, tmp_path: Path
) -> None:
    spec = make_spec(tmp_path, "c1")
    runtime = DockerRuntime(Cli("docker", fake.environ()), SystemClock(), "here", "agent:latest")  # follows no events
    with closing(runtime), closing(FileEvents(fake.state)) as events:
        before = runtime.config_digest(spec)
        fake.knob("image", "sha256:" + "a" * 64)
        for count in (1, 2):  # the second look begins when the first one is over
            runtime.look_soon()
            events.until(partial(has_looked, fake, count))
        assert inspections(fake) == 1

        assert runtime.config_digest(spec) != before


def test_settings_that_change_change_the_digest(runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "c1")

    assert runtime.config_digest(make_spec(tmp_path, "c2", message_id="m2")) == runtime.config_digest(spec)
    changes: tuple[dict[str, Any], ...] = (
        *({"env": {"TZ": "UTC"}}, {"group_writable": True}, {"role": "main"}),
        *({"memory_mb": 64}, {"pids": 9}, {"cpus": 0.5}, {"network": "bridge"}),
        *({"mounts": (Mount(tmp_path, "/data", readonly),)} for readonly in (True, False)),
        *({"mounts": (Mount(tmp_path, "/other"),)}, {"mounts": (Mount(tmp_path / "x", "/data"),)}),
    )
    digests = {runtime.config_digest(make_spec(tmp_path, "c1", **change)) for change in ({}, *changes)}
    assert len(digests) == 1 + len(changes)


def test_a_place_to_mount_that_is_gone_is_a_failed_start(runtime: DockerRuntime, tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "c1", mounts=(Mount(tmp_path / "gone", "/workspace/extra/gone"),))

    with pytest.raises(StartFailed, match="does not exist"):
        runtime.start(spec).result(WAIT)


def test_a_path_with_commas_and_quotes_is_mounted_as_it_is(tmp_path: Path) -> None:
    """The engine reads a mount as a line of CSV."""
    odd = tmp_path / 'a,b "c"'

    args = docker_run.run_args(make_spec(tmp_path, "c1", mounts=(Mount(odd, "/data"),)), "image", "here", 1, "config")

    (mount,) = (arg for arg in args if arg.endswith("dst=/data,readonly"))
    (fields,) = csv.reader([mount.removeprefix("--mount=")])
    assert f"src={odd}" in fields


@pytest.mark.skipif(os.getuid() != 0, reason="only root hands folders over")
def test_our_own_folders_are_handed_over_to_the_containers_user_and_the_users_never_are(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir(0o700)
    theirs.mkdir(0o700)
    (ours / "file").touch()
    mounts = (Mount(ours, "/ours", ours=True), Mount(theirs, "/theirs"))

    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid, mounts=mounts)).result(WAIT)

    assert (ours / "file").stat().st_uid == ours.stat().st_uid == runtime.container_uid
    assert theirs.stat().st_uid == 0


def test_a_start_for_which_there_is_no_thread_fails_and_nothing_of_it_is_left(
    runtime: DockerRuntime, fake: FakeDocker, tmp_path: Path
) -> None:
    spec = make_spec(tmp_path, "c1", runtime.container_uid)
    with no_thread("docker-change"):
        error = runtime.start(spec).exception(0)
    assert isinstance(error, StartFailed)
    why = "can't start new thread; raise the limit of processes (ulimit -u)"
    assert str(error) == f"c1 cannot be started: the engine cannot be called: {why}"
    runtime.remove("c1").result(WAIT)  # it is not taken for one whose start is under way
    assert fake.containers() == []


def test_an_end_for_which_there_is_no_thread_is_tried_again_at_the_next_look(
    make_runtime: MakeRuntime, fake: FakeDocker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_runtime()
    first.start(make_spec(tmp_path, "c1", first.container_uid)).result(WAIT)
    runtime = make_runtime()
    assert [found.cid for found in runtime.list()] == ["c1"]
    with no_thread("docker-change"):
        assert isinstance(runtime.kill("c1").exception(0), RuntimeFailure)
        gone = runtime.remove("c1")
        assert not gone.done()
    assert "is not removed yet; each tick tries again: the engine cannot be called" in caplog.text

    runtime.look_soon()

    gone.result(WAIT)
    assert fake.containers() == []


def test_a_look_for_which_there_is_no_thread_does_not_keep_the_next_one_away(
    runtime: DockerRuntime, fake: FakeDocker, exits: Exits, tmp_path: Path
) -> None:
    runtime.start(make_spec(tmp_path, "c1", runtime.container_uid)).result(WAIT)
    (container,) = fake.containers()
    with no_thread("docker-look"):
        runtime.look_soon()
    (fake.state / "containers" / f"{container['id']}.json").rename(fake.state / "elsewhere.json")
    runtime.look_soon()
    assert exits.next() == Exit("c1", None, "it was removed")
    (fake.state / "elsewhere.json").rename(fake.state / "containers" / f"{container['id']}.json")
