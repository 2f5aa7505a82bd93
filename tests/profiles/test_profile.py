"""A profile: what its keys mean, and what is said of one that cannot be followed."""

from __future__ import annotations

import pytest

from openclaw.errors import InvalidProfile
from openclaw.profiles import Profile
from openclaw.profiles.profile import MAX_DESCRIPTION


def parse(*lines: str, body: str = "Be strict.", name: str = "reviewer") -> Profile:
    """The profile reviewer.md with a name, a description, and these lines."""
    text = "\n".join(["---", "name: reviewer", "description: Finds mistakes", *lines, "---", body])
    return Profile.parse(text, name, "agents/reviewer.md")


def test_a_name_a_description_and_a_body_are_enough() -> None:
    assert parse() == Profile("reviewer", "Finds mistakes", "Be strict.")


def test_all_that_it_may_say_is_kept() -> None:
    profile = parse("tools: Read, Grep", "disallowedTools: Grep", "model: haiku", "memory: project", "color: red")

    assert (profile.tools, profile.denied) == (("Read", "Grep"), ("Grep",))
    assert (profile.model, profile.memory, profile.color) == ("haiku", "project", "red")


@pytest.mark.parametrize("tools", ["tools: Read, Grep,Read", "tools: [Read, Grep]", "tools:\n  - Read\n  - Grep"])
def test_tools_are_names_however_they_are_listed(tools: str) -> None:
    profile = parse(tools)

    assert profile.tools == ("Read", "Grep")
    assert profile.may_use("Read")
    assert not profile.may_use("Bash")


@pytest.mark.parametrize("line", ["color: red", "tools: '*'", "tools: *"])
def test_without_a_limit_every_tool_may_be_used_but_for_those_that_are_denied(line: str) -> None:
    profile = parse(line, "disallowedTools: [Bash]")

    assert profile.may_use("Write")
    assert not profile.may_use("Bash")


def test_inherit_is_the_model_of_everybody() -> None:
    assert parse("model: inherit").model == ""


def test_keys_of_claude_code_that_mean_nothing_here_are_kept_by_name() -> None:
    profile = parse("permissionMode: plan", "hooks:", "  Stop:", "    - matcher: x", "maxTurns: 5")

    assert profile.unused == ("permissionMode", "hooks", "maxTurns")


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        (["tool: Read"], 4, "there is no key 'tool'; a profile has name, description, tools, "),
        (["tools:"], 4, "takes names with commas between them"),
        (["tools: Read Grep"], 4, "takes names with commas between them"),
        (["color: red", "tools: Read, Bash(git log, git diff)"], 5, "'Bash(git log, git diff)' allows some uses"),
        (["tools:", "  a: b"], 4, "'tools' takes names"),
        (["model: [a]"], 4, "'model' takes a text"),
        (["model: two words"], 4, "'model' takes sonnet, opus, haiku, inherit"),
        (["memory: everything"], 4, "'memory' takes project, user, local"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_file_and_line(lines: list[str], line: int, why: str) -> None:
    with pytest.raises(InvalidProfile) as caught:
        parse(*lines)

    assert str(caught.value).startswith(f"agents/reviewer.md, line {line}: ")
    assert why in str(caught.value)


def test_the_file_is_called_as_the_agent_is() -> None:
    with pytest.raises(InvalidProfile, match=r"line 2: the name is 'reviewer' and the file is critic.md"):
        parse(name="critic")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("---\ndescription: d\n---\nb", "line 1: 'name' is missing"),
        ("---\nname: reviewer\n---\nb", "line 1: 'description' is missing"),
        ("---\nname: reviewer\ndescription: ''\n---\nb", "line 3: 'description' says when to use the agent"),
        (f"---\nname: reviewer\ndescription: {'x' * (MAX_DESCRIPTION + 1)}\n---\nb", "line 3: 'description' says"),
        ("---\nname: a b\ndescription: d\n---\nb", "line 2: 'name' takes 1 to 64 letters"),
        ("---\nname: reviewer\ndescription: d\n---\n\n", "line 5: nothing stands below the frontmatter"),
        ("Be strict.", "line 1: the first line must be ---"),
    ],
)
def test_what_every_profile_has_may_not_be_missing(text: str, why: str) -> None:
    with pytest.raises(InvalidProfile) as caught:
        Profile.parse(text, "reviewer", "x.md")

    assert f"x.md, {why}" in str(caught.value)
