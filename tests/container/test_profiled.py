"""The offline engine as an agent with a profile: the audit, commands within its tools, and plain words."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines import Task, TurnCancelled
from agent_runner.engines.offline import OfflineEngine
from agent_runner.engines.site import Site
from openclaw.errors import InvalidProfile, OpenClawError, UnknownAgent
from openclaw.message import Message
from tests.support.agent_host import HandHost

POLLS = "import time\n\nwhile True:\n    time.sleep(0.01)\n"
ENGINEER = "performance-engineer"


@pytest.fixture(autouse=True)
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a group's folder with `src/watch.py` and the profile of the performance engineer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/watch.py").write_text(POLLS)
    profile(tmp_path, ENGINEER)
    return tmp_path


def profile(group: Path, name: str, *lines: str) -> None:
    file = group / ".claude/agents" / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["---", f"name: {name}", "description: d", *lines, "---", "Be strict."]))


def ask(text: str, agent: str, host: HandHost | None = None, cancel: Cancel | None = None, **assignment: object) -> str:
    task = Task(Message(text, id="a.s1"), assignment={"agent": agent, **assignment}, cancel=cancel or Cancel())
    return OfflineEngine(site=Site(single_use=True)).answer(task, host or HandHost())


# The performance engineer


def test_it_answers_with_the_audit_of_what_it_was_given(group: Path) -> None:
    host = HandHost()

    report = ask("Look at it", ENGINEER, host, paths=["~/work/src"], places=[str(group / "src")])

    headings = [line for line in report.splitlines() if line.startswith("## ")]
    assert headings[0] == "## 1. Current Diagnosis"
    assert len(headings) == 5
    assert "~/work/src/watch.py:4 (3." in report
    assert str(group) not in report
    assert host.tools == [("Bash", f"python3 -P -m openclaw.audit --lang en {group / 'src'}")]


@pytest.mark.parametrize(("text", "context"), [("Analiza el código", ""), ("src", "Responde en español")])
def test_it_answers_in_the_language_of_the_request(group: Path, text: str, context: str) -> None:
    report = ask(text, ENGINEER, paths=["src"], places=[str(group / "src")], context=context)

    assert report.startswith("## 1. Diagnóstico Actual\n")


def test_what_was_passed_over_is_named_in_the_report_and_nowhere_else(group: Path) -> None:
    (group / "src/broken.py").write_text("def")

    report = ask("", ENGINEER, paths=["src", "src/watch.py"], places=[str(group / "src"), str(group / "src/watch.py")])

    assert report.startswith("## 1. ")
    assert "src/broken.py: syntax error" in report
    assert "audit: passed over" not in report
    assert "\0" not in report


def test_of_a_very_long_report_the_middle_is_left_out(group: Path) -> None:
    lines = [f"def f{number}():\n    open('f{number}').read()\n    time.sleep(1)\n" for number in range(2500)]
    (group / "src/many.py").write_text("import time\n" + "".join(lines) + "while True:\n    f1()\n")

    report = ask("", ENGINEER, paths=["src"], places=[str(group / "src")])

    assert report.startswith("## 1. ")
    assert "## 5. " in report
    assert "bytes are left out of the report …" in report
    assert len(report.encode()) < 300 * 1024


def test_what_cannot_be_audited_fails_with_the_reason(group: Path) -> None:
    with pytest.raises(OpenClawError, match='"paths" do'):
        ask("Look", ENGINEER)
    with pytest.raises(OpenClawError, match=r"the audit was not done: openclaw: there is no /nowhere"):
        ask("Look", ENGINEER, paths=["x"], places=["/nowhere"])


def test_a_cancel_ends_it(group: Path) -> None:
    cancel = Cancel()
    host = HandHost()
    host.tool = lambda *_: threading.Thread(target=cancel.set).start()  # type: ignore[method-assign]  # as it begins

    with pytest.raises(TurnCancelled):
        ask("", ENGINEER, host, cancel, paths=["src"], places=[str(group / "src")])


# Any other agent


def test_another_profile_is_said_to_need_a_model_and_commands_work_within_its_tools(group: Path) -> None:
    profile(group, "reader", "tools: Read, Glob")

    assert "no model is behind me that could follow the profile reader" in ask("Sum it up", "reader")
    assert ask("/read src/watch.py", "reader") == POLLS
    assert ask("/run id", "reader") == (
        "The profile reader has no Bash, which this takes: .claude/agents/reader.md names its tools."
    )
    assert ask("/rmdir x", "reader") == "There is no command /rmdir; /help names them."


def test_one_that_is_not_there_or_damaged_fails_the_turn(group: Path) -> None:
    with pytest.raises(UnknownAgent, match="there are: performance-engineer"):
        ask("x", "painter")
    profile(group, "damaged", "tool: Read")
    with pytest.raises(InvalidProfile, match=r"damaged\.md, line 4"):
        ask("x", "damaged")
