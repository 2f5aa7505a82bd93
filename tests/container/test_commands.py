"""The offline engine's commands: what each does and says, and what is done elsewhere or not at all."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines import Task, TurnCancelled, limits
from agent_runner.engines.commands import COMMANDS, MAX_SPAWN, execute, usage
from agent_runner.engines.offline import OfflineEngine
from agent_runner.engines.site import Site
from openclaw.errors import CallRefused, OpenClawError
from openclaw.message import Message
from tests.support.agent_host import HandHost

MAIN = Site()
DEDICATED = Site(single_use=True)
OPEN_MACHINE = Site(single_use=True, open_machine=True)

ONLY_ELSEWHERE = "commands run in dedicated containers only"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def host() -> HandHost:
    """It starts every subagent that it is asked for."""
    numbers = count(1)
    return HandHost(spawn_subagent=lambda _: {"id": f"m1.s{next(numbers)}", "status": "started"})


def do(text: str, host: HandHost | None = None, site: Site = DEDICATED, cancel: Cancel | None = None) -> str:
    answer = execute(text, Task(Message(text), cancel=cancel or Cancel()), host or HandHost(), site)
    assert answer is not None
    return answer


def test_help_names_every_command_with_its_arguments() -> None:
    told = OfflineEngine().answer(Task(Message("help")), HandHost())

    for name, command in COMMANDS.items():
        assert f"  {f'/{name} {command.arguments}'.strip()}: {command.does}\n" in told + "\n"
    assert do("/help") == usage()


@pytest.mark.parametrize("text", ["hello", "/etc/passwd", "/ help", "/Help", "tell me /help", "/run/x y"])
def test_what_is_no_command_is_left_to_the_rules(text: str) -> None:
    assert execute(text, Task(Message(text)), HandHost(), DEDICATED) is None


def test_a_command_that_there_is_not_is_said() -> None:
    assert do("/rm everything") == "There is no command /rm; /help names them."


@pytest.mark.parametrize(
    "text",
    [
        *("/spawn @reviewer", "/spawn @reviewer src --  ", "/spawn @reviewer 'src"),
        *("/spawn", "/spawn 0 x", f"/spawn {MAX_SPAWN + 1} x", "/subagent", "/subagent a b", "/cancel", "/read"),
        *("/read a b", "/write", "/write a", "/run", "/delta", "/wait", "/wait soon", "/wait -1", "/wait nan"),
    ],
)
def test_wrong_use_is_answered_by_the_right_one(text: str, host: HandHost) -> None:
    name = text.split(maxsplit=1)[0].removeprefix("/")

    assert do(text, host) == f"Use: /{name} {COMMANDS[name].arguments}"
    assert not host.calls
    assert not host.tools


def test_a_nul_character_is_refused_before_the_kernel_sees_it() -> None:
    assert do("/run echo \0") == "/run takes no NUL characters."


# Subagents


@pytest.mark.parametrize(
    ("text", "task", "priority"),
    [
        ("/spawn count the stars", "count the stars", None),
        ("/spawn high count the stars", "count the stars", "high"),
        ("/spawn low /run ls -l\nexit 3", "/run ls -l\nexit 3", "low"),
        ("/spawn highest", "highest", None),
    ],
)
def test_spawn_asks_for_one_subagent(host: HandHost, text: str, task: str, priority: str | None) -> None:
    answer = do(text, host)

    expected = {"task": task, "reason": "asked for by /spawn", **({"priority": priority} if priority else {})}
    assert host.calls == [("spawn_subagent", expected)]
    assert answer == "I gave this to a subagent (m1.s1, started): asked for by /spawn. Its reply comes as m1.s1."


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("/spawn @reviewer src", {"agent": "reviewer", "paths": ["src"]}),
        ("/spawn high @reviewer 'my src' ~/x", {"agent": "reviewer", "paths": ["my src", "~/x"], "priority": "high"}),
        ("/spawn @reviewer src -- look -- well", {"agent": "reviewer", "paths": ["src"], "task": "look -- well"}),
        ("/spawn @reviewer -- /ls", {"agent": "reviewer", "task": "/ls"}),
    ],
)
def test_spawn_asks_for_an_agent_with_paths_or_a_task(host: HandHost, text: str, asked: dict[str, Any]) -> None:
    do(text, host)

    assert host.calls == [("spawn_subagent", {**asked, "reason": "asked for by /spawn"})]


def test_spawn_asks_for_several_subagents_at_once() -> None:
    all_asked = threading.Barrier(3, timeout=10)
    names = {0: "m1.s1", 1: "m1.s2", 2: "m1.s3"}

    def spawn(_: dict[str, Any]) -> dict[str, Any]:
        place = all_asked.wait()
        return {"id": names[place], "status": "queued" if place else "started"}

    host = HandHost(spawn_subagent=spawn)

    answer = do("/spawn 3 high /ls", host)

    assert [arguments["task"] for _, arguments in host.calls] == ["/ls"] * 3
    assert {arguments["priority"] for _, arguments in host.calls} == {"high"}
    assert "3 subagents (1 started, 2 queued)" in answer
    assert all(name in answer for name in names.values())


def test_spawn_asks_for_as_many_as_it_is_allowed_to(host: HandHost) -> None:
    answer = do(f"/spawn {MAX_SPAWN} /ls", host)

    assert len(host.calls) == MAX_SPAWN
    assert f"{MAX_SPAWN} subagents" in answer


def test_spawn_says_how_many_the_host_did_not_take() -> None:
    ids = iter(["m1.s1", "m1.s2"])

    def spawn(_: dict[str, Any]) -> dict[str, Any]:
        child_id = next(ids, None)
        if child_id is None:
            raise CallRefused("100 run already")
        return {"id": child_id, "status": "started"}

    answer = do("/spawn 5 /ls", HandHost(spawn_subagent=spawn))

    assert "2 subagents" in answer
    assert answer.endswith("The host refused 3 more: 100 run already")


@pytest.mark.parametrize("text", ["/spawn /ls", "/spawn 3 /ls"])
def test_a_spawn_that_the_host_refuses_is_said(text: str) -> None:
    assert do(text, HandHost()) == "The host refused: no spawn_subagent today"


@pytest.mark.parametrize("text", ["/spawn /ls", "/spawn 3 /ls"])
def test_a_spawn_that_is_cancelled_ends_the_turn(text: str) -> None:
    def cancelled(_: dict[str, Any]) -> dict[str, Any]:
        raise TurnCancelled

    with pytest.raises(TurnCancelled):
        do(text, HandHost(spawn_subagent=cancelled))


def test_a_spawn_that_is_cancelled_half_way_ends_the_turn() -> None:
    ids = iter(["m1.s1"])

    def spawn(_: dict[str, Any]) -> dict[str, Any]:
        child_id = next(ids, None)
        if child_id is None:
            raise TurnCancelled
        return {"id": child_id, "status": "started"}

    with pytest.raises(TurnCancelled):
        do("/spawn 3 /ls", HandHost(spawn_subagent=spawn))


def test_subagents_are_listed() -> None:
    children = [
        {"id": "m1.s1", "status": "running", "task": "/ls", "priority": "high"},
        {"id": "m1.s2", "status": "queued", "task": "/run ls", "priority": "normal"},
    ]
    host = HandHost(list_subagents=lambda _: {"subagents": children})

    assert do("/subagents", host) == "m1.s1 is running (high): /ls\nm1.s2 is queued (normal): /run ls"
    assert host.calls == [("list_subagents", {})]
    assert do("/subagents", HandHost(list_subagents=lambda _: {"subagents": []})) == "No subagent runs or waits."


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ({"status": "running", "attempt": 1}, "m1.s1 is running."),
        ({"status": "done", "text": "42"}, "m1.s1 is done: 42"),
        ({"status": "failed", "text": "", "error": "timed out"}, "m1.s1 is failed: timed out"),
    ],
)
def test_one_subagent_is_shown(child: dict[str, Any], said: str) -> None:
    host = HandHost(get_subagent=lambda asked: asked | child)

    assert do("/subagent m1.s1", host) == said


def test_a_subagent_is_cancelled() -> None:
    host = HandHost(cancel_subagent=lambda asked: asked | {"status": "cancelling"})

    assert do("/cancel m1.s1", host) == "m1.s1: cancelling."
    assert host.calls == [("cancel_subagent", {"id": "m1.s1"})]


# Files and commands


def test_a_file_is_written_and_read_and_listed(host: HandHost, folder: Path) -> None:
    assert do("/write a.txt two  words\nand a line", host) == "Wrote 21 bytes to a.txt."
    assert do("/read a.txt", host) == "two  words\nand a line"
    assert do("/ls", host) == "a.txt"
    assert do(f"/ls {folder}", host) == "a.txt"
    assert host.tools == [("Write", "a.txt"), ("Read", "a.txt"), ("Glob", "."), ("Glob", str(folder))]


def test_what_is_empty_is_said_to_be(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "folder").mkdir()

    assert do("/read file") == "file is empty."
    assert do("/ls folder") == "folder is empty."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/read no", "No such file or directory"),
        ("/read .", "Is a directory"),
        ("/ls no", "No such file or directory"),
        ("/write no/file x", "No such file or directory"),
        ("/run " + "x" * 200_000, "Argument list too long"),
    ],
)
def test_what_the_kernel_refuses_is_told_in_its_words(text: str, reason: str) -> None:
    name = text.split(maxsplit=1)[0]

    assert do(text).startswith(f"{name} could not be done: {reason}")


@pytest.mark.parametrize(
    ("command", "said"),
    [("echo hi", "hi\n(exit code 0)"), ("exit 3", "(exit code 3)"), ("printf 'a\\n\\n'; false", "a\n(exit code 1)")],
)
def test_a_command_is_run_and_its_exit_code_told(host: HandHost, command: str, said: str) -> None:
    assert do(f"/run {command}", host) == said
    assert host.tools == [("Bash", command)]


@pytest.mark.parametrize(("setting", "word"), [("memory_mb", "ran out of memory"), ("pids", "refused a process more")])
def test_a_limit_that_a_command_has_reached_is_told_with_its_setting(
    monkeypatch: pytest.MonkeyPatch, setting: str, word: str
) -> None:
    monkeypatch.setattr(limits, "reached_since", lambda _: [setting])

    code, said = do("/run true").splitlines()

    assert code == "(exit code 0)"
    assert f"its group's {setting} sets the limit" in said
    assert word in said


def test_a_cancelled_turn_ends_its_command() -> None:
    cancel = Cancel()
    cancel.set()

    assert do("/run sleep 1000", cancel=cancel) == "(exit code 137)"


@pytest.mark.parametrize("text", ["/write a.txt x", "/run echo hi > a.txt"])
def test_main_s_container_hands_over_what_writes_and_runs(host: HandHost, folder: Path, text: str) -> None:
    answer = do(text, host, MAIN)

    assert host.calls == [("spawn_subagent", {"task": text, "reason": ONLY_ELSEWHERE})]
    assert answer == f"I gave this to a subagent (m1.s1, started): {ONLY_ELSEWHERE}. Its reply comes as m1.s1."
    assert not host.tools
    assert not list(folder.iterdir())


@pytest.mark.parametrize("site", [OPEN_MACHINE, Site(open_machine=True)], ids=["dedicated", "main"])
@pytest.mark.parametrize("text", ["/write a.txt x", "/run echo hi > a.txt"])
def test_on_an_open_machine_nothing_is_written_or_run(host: HandHost, folder: Path, site: Site, text: str) -> None:
    assert "ALLOW_UNSANDBOXED_TOOLS=true" in do(text, host, site)
    assert not host.calls
    assert not host.tools
    assert not list(folder.iterdir())


@pytest.mark.parametrize("text", ["/read ../secret", "/ls .."])
def test_on_an_open_machine_only_the_group_s_folder_is_read(host: HandHost, folder: Path, text: str) -> None:
    (folder.parent / "secret").write_text("x")

    assert "is outside the group's folder" in do(text, host, OPEN_MACHINE)
    assert not host.tools
    assert "outside" not in do(text, host, MAIN)


# The others


def test_a_text_is_told_word_by_word_and_answered_whole(host: HandHost) -> None:
    assert do("/delta  one two\n three", host) == "one two\n three"
    assert host.deltas == ["one ", "two\n ", "three"]


def test_wait_ends_with_its_time_or_with_the_turn() -> None:
    cancel = Cancel()
    cancel.set()

    assert do("/wait 0.01") == "Waited 0.01 s."
    assert do("/wait 3600", cancel=cancel) == "Waited 3600 s."


def test_of_the_environment_only_names_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-secret")

    answer = do("/env")

    assert "SOME_KEY" in answer.split("\n")
    assert "sk-secret" not in answer


@pytest.mark.parametrize(("text", "error"), [("/fail out of luck", "out of luck"), ("/fail", "asked for by /fail")])
def test_a_turn_fails_where_it_is_asked_to(text: str, error: str) -> None:
    with pytest.raises(OpenClawError, match=f"^{error}$"):
        do(text)
