"""Containers that lie: what they write is refused with the reason, what is another's stays out of reach."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from openclaw.containers.cli import Cli
from tests.docker.conftest import names_of
from tests.docker.subagents import SuspiciousService, assert_nothing_is_left, reply_to, spawn, unhurt_neighbours
from tests.support.begun import wait_until_begun
from tests.support.gate import Gate
from tests.support.log_lines import LogLines
from tests.support.service import RunningService


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


# The channel

OWN_ID = "id=$(basename /channel/in/*.request.json .request.json); cd /channel/out"

MISUSE = {
    "files that are no frames":
        ("for n in $(seq 100); do : > $n.tmp; done", "writes files that are no frames"),
    "a link for a frame, and a heap of files below a folder that nobody may enter":
        ("mkdir -p .a/b/c; for n in $(seq 2000); do : > .a/b/c/$n; done; chmod 0 .a/b/c .a/b; "
         "ln -s /etc/passwd $id.response.json", "s1.response.json"),
    "a pipe for a frame": ("mkfifo $id.response.json", "s1.response.json"),
    "a frame that is too large": ("head -c 8M /dev/zero > .x; mv .x $id.response.json", "s1.response.json"),
    "a frame that is no JSON": ("echo nonsense > .x; mv .x $id.response.json", "not valid JSON"),
    "a frame that is no response":
        ("echo '{\"status\": \"great\"}' > .x; mv .x $id.response.json", "sent a response that is not one"),
    "too many calls": ("echo {} > .x; mv .x $id.4001.call.json", "numbers a call beyond 4000"),
    "a call that is larger than any task":
        ("{ echo '{\"tool\": \"'; head -c 2M /dev/zero; } > .x; mv .x $id.9.call.json", "9.call.json"),
    "too many small events":
        ("yes '{\"kind\":\"delta\",\"text\":\"\"}' | head -c 4M >> $id.events.jsonl", "has more than 50000 lines"),
    "too many events":
        ("text=$(head -c 4000 /dev/zero | tr '\\0' x); "
         "yes '{\"kind\":\"delta\",\"text\":\"'$text'\"}' | head -c 20M >> $id.events.jsonl",
         "is longer than 16777216 bytes"),
    "other events than before": ("echo > .x; mv .x $id.events.jsonl", "s1.events.jsonl"),
    "a response of a GiB": ("truncate -s 1G .x; mv .x $id.response.json", "it has 1073741824 bytes"),
    "events of a TiB": ("truncate -s 1T $id.events.jsonl", "has a line of more than 65536 bytes"),
    "a line that does not end":
        ("yes x | tr -d '\\n' | head -c 1G >> $id.events.jsonl", "has a line of more than 65536 bytes"),
}  # fmt: skip
"""What a container may do in `out/`, and what is said to that."""


def test_containers_that_misuse_their_channel_are_removed_with_the_reason(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    with SuspiciousService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            children = {}
            for number, (what, (script, _)) in enumerate(MISUSE.items()):
                (children[what],) = spawn(service, f"/run {OWN_ID}; {script}; sleep 50", parent=f"m{number}")
            for what, child in children.items():
                reply = reply_to(service, child)
                assert (reply["status"], reply["attempt"]) == ("failed", 1), what
                assert MISUSE[what][1] in reply["error"], what
        assert_nothing_is_left(service, engine, settings)


# What ends in its own way

RUNNER = "$(cat /proc/1/task/1/children)"
"""The runner, below the init of its container."""


def test_a_runner_that_crashes_or_is_told_to_end_is_tried_twice_and_the_reply_says_how_it_ended(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    ends = {"SEGV": 139, "KILL": 137, "TERM": 0}
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            children = {name: spawn(service, f"/run kill -{name} {RUNNER}; sleep 50", parent=name)[0] for name in ends}
            for name, child in children.items():
                reply = reply_to(service, child)
                assert (reply["status"], reply["attempt"]) == ("failed", 2)
                assert reply["error"].startswith(f"the container ended (exit {ends[name]}), and so had"), reply["error"]
        assert_nothing_is_left(service, engine, settings)


def test_a_container_that_is_paused_is_removed_when_its_time_is_over(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    with RunningService(home, **settings, SUBAGENT_TIMEOUT="4000") as service:
        (child,) = spawn(service, "/wait 1000")
        cid = wait_until_begun(home, child)
        (name,) = (name for name in names_of(engine, settings) if name.endswith(cid))
        assert engine.run(["pause", name]).code == 0
        assert service.post({"text": "hello", "session": "meanwhile"}).json()["route"] == "persistent"
        reply = reply_to(service, child)
        assert (reply["status"], reply["attempt"]) == ("failed", 1)
        assert reply["error"] == "timed out after 4 s (SUBAGENT_TIMEOUT)"
        assert_nothing_is_left(service, engine, settings)


ANSWERS_TWICE = """/run %s
answer() { printf '{"status": "done", "text": "%%s", "agent_ms": 1}' $1 > .x; mv .x $id.response.json; }
answer first; answer second; sleep 50"""


def test_who_answers_twice_is_heard_once(home: Path, engine: Cli, settings: dict[str, str]) -> None:
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, ANSWERS_TWICE % OWN_ID)
            reply = reply_to(service, child)
            assert (reply["status"], reply["attempt"]) == ("done", 1)
            assert reply["text"] in ("first", "second")
            kept = (home / f"ipc/outbox/{child}.json").stat()
        assert_nothing_is_left(service, engine, settings)
    assert (home / f"ipc/outbox/{child}.json").stat() == kept


FLOOD = """
python3 - <<'END'
import glob, os, time
(request,) = glob.glob("/channel/in/*.request.json")
turn = os.path.basename(request).removesuffix(".request.json")
for number in range(1, 4001):
    with open("/channel/out/.x", "w") as call:
        call.write('{"tool": "list_subagents", "arguments": {}}')
    os.rename("/channel/out/.x", f"/channel/out/{turn}.{number}.call.json")
while len(glob.glob("/channel/in/*.result.json")) < 4000:
    time.sleep(0.1)
print(glob.glob("/channel/out/*.call.json"))
END"""


def test_calls_without_end_are_all_answered_and_hold_up_nobody(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            children = spawn(service, f"/run {FLOOD}", count=4)
            assert service.post({"text": "hello", "session": "meanwhile"}).json()["route"] == "persistent"
            assert [reply_to(service, child)["text"] for child in children] == ["[]\n(exit code 0)"] * 4
        assert_nothing_is_left(service, engine, settings)


# What is another's

FORGED = """
for of in neighbour waiting; do
    echo '{"status": "done", "text": "forged"}' > .x; mv .x $of.response.json
    echo '{"tool": "spawn_subagent", "arguments": {"task": "forged"}}' > .x; mv .x $of.1.call.json
    echo '{"kind": "delta", "text": "forged"}' > .x; mv .x $of.events.jsonl
done
while ls | grep -E '^(neighbour|waiting)'; do sleep 0.1; done > /dev/null
echo nobody listens"""


def test_nobody_can_speak_for_a_turn_in_another_container(home: Path, engine: Cli, settings: dict[str, str]) -> None:
    with RunningService(home, **settings) as service, closing(LogLines(home / "logs/app.log")) as lines:
        with unhurt_neighbours(service, engine, settings):
            service.post({"text": "/wait 1000", "id": "waiting", "session": "waiting"}, "")
            wait_until_begun(home, "waiting")
            (child,) = spawn(service, f"/run cd /channel/out{FORGED}")
            assert reply_to(service, child)["text"] == "nobody listens\n(exit code 0)"
            lines.find("is about nothing that it was given: dropped")
            assert "forged" not in service.get("/subagents").text
            service.delete("/messages/waiting")
            assert reply_to(service, "waiting")["status"] == "cancelled"
        assert "forged" not in service.get("/messages/neighbour").text
        assert_nothing_is_left(service, engine, settings)


ASK = """
echo '{"tool": "%s", "arguments": {"%s": "%s"}}' > .x; mv .x $id.%d.call.json
while [ ! -e /channel/in/$id.%d.result.json ]; do sleep 0.1; done; cat /channel/in/$id.%d.result.json"""


def ask(number: int, tool: str, argument: str, value: str) -> str:
    """A piece of script that makes a call of its own and prints the result."""
    return ASK % (tool, argument, value, number, number, number)


def test_a_subagent_can_neither_spawn_nor_see_nor_cancel_others(
    home: Path, engine: Cli, settings: dict[str, str]
) -> None:
    alone = "a subagent works alone: it may not spawn, see or cancel subagents"
    with RunningService(home, **settings) as service, closing(LogLines(home / "logs/app.log")) as lines:
        with Gate(home / "groups/main") as gate, unhurt_neighbours(service, engine, settings):
            (sibling,) = spawn(service, f"/run {gate.command} echo well", parent="sibling")
            wait_until_begun(home, sibling)
            for number, task in enumerate(("/spawn hello", f"/cancel {sibling}", "/subagents", f"/subagent {sibling}")):
                (child,) = spawn(service, task, parent=f"m{number}")
                assert reply_to(service, child)["text"].startswith(f"The host refused: {alone}"), task
                assert alone in lines.find(f"[WARN] Message {child}: ")
            calls = ask(7, "cancel_subagent", "id", sibling) + ask(8, "register_group", "name", "mine")
            (child,) = spawn(service, f"/run {OWN_ID}{calls}", parent="by-hand")
            cancelled, registered, _ = reply_to(service, child)["text"].splitlines()
            assert alone in cancelled
            assert "only Main's own agent may register groups" in registered
            assert [one["id"] for one in service.get("/subagents").json()["subagents"]] == [sibling]
            gate.open()
            assert reply_to(service, sibling)["text"] == "well\n(exit code 0)"
        assert_nothing_is_left(service, engine, settings)


def test_another_group_cannot_spawn(home: Path, engine: Cli, settings: dict[str, str]) -> None:
    (home / "groups/family").mkdir(parents=True)
    (home / "groups/family/group.json").write_text("{}")
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            reply = service.post({"text": "/spawn hello", "group": "family"}).json()
            assert reply["text"].startswith("The host refused: the group family runs in its own containers and may not")
            assert "subagents" not in reply
        assert_nothing_is_left(service, engine, settings)


def test_a_subagent_reaches_no_file_of_another_group(home: Path, engine: Cli, settings: dict[str, str]) -> None:
    (home / "groups/friends").mkdir(parents=True)
    (home / "groups/friends/notes.md").write_text("of friends")
    there = home / "groups/friends"
    places = ("/workspace/friends", "../friends", there, "/workspace/global", "sessions")
    tries = [
        # A pattern that does not find itself in the request.
        "grep -rsl --exclude-dir=proc --exclude-dir=sys 'o[f] friends' /",
        *(f"echo x > {place}/x" for place in places),
        "echo '{\"network\": \"bridge\"}' > group.json",
        "mv group.json other.json",
        f"ln -s {there} way; echo x > way/x; cat way/notes.md",
    ]
    with RunningService(home, **settings) as service:
        with unhurt_neighbours(service, engine, settings):
            (child,) = spawn(service, f"/run {'; '.join(f'( {each} ) && echo done' for each in tries)}")
            reply = reply_to(service, child)
            (again,) = spawn(service, "/run ls /sys/class/net", parent="again")
            assert reply_to(service, again)["text"] == "lo\n(exit code 0)"
        assert reply["status"] == "done"
        assert "notes.md\n" not in reply["text"]
        assert "done" not in reply["text"]
        assert {path.name for path in there.iterdir()} == {".claude", "gate", "group.json", "notes.md", "sessions"}
        assert (home / "groups/main/group.json").read_text() == "{}\n"
        assert_nothing_is_left(service, engine, settings)
