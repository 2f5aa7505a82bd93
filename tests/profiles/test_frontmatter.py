"""Frontmatter: the YAML that people and Claude Code write profiles in, and where it is wrong."""

from __future__ import annotations

import pytest

from openclaw.profiles.frontmatter import Malformed, Nested, split


def value(*lines: str) -> object:
    """What the key `key` is, whose lines these are."""
    keys, _ = split("\n".join(["---", *lines, "---", "body"]))
    return keys["key"].is_


def test_keys_stand_above_the_second_fence_and_the_body_below_it() -> None:
    keys, body = split("---\nname: reviewer\n\n# a comment\nmodel: haiku\n---\n\nBe strict.\n---\nAnd brief.\n")

    assert {key: (one.line, one.is_) for key, one in keys.items()} == {"name": (2, "reviewer"), "model": (5, "haiku")}
    assert body == "Be strict.\n---\nAnd brief."


def test_files_of_windows_are_read_alike() -> None:
    keys, body = split("---\r\nname: reviewer\r\n---\r\nBe strict.\r\n")

    assert (keys["name"].is_, body) == ("reviewer", "Be strict.")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["key: plain text"], "plain text"),
        (["key: sonnet # the cheap one"], "sonnet"),
        (["key: Use it when: <example>user: 'hi'</example>"], "Use it when: <example>user: 'hi'</example>"),
        (["key:"], ""),
        (["key: # nothing"], ""),
        ([r'key: "a\nb \"c\" \\n \u00e9"'], 'a\nb "c" \\n é'),
        (['key: "a # b" # c'], "a # b"),
        (["key: 'it''s \\n'"], "it's \\n"),
        (["key: folded", "  over two", "  lines"], "folded over two lines"),
        (["key:", "  on the", "  next lines"], "on the next lines"),
        (['key: "quoted over', '  two lines"'], "quoted over two lines"),
        (["key: >", "  one", "  line", "", "  another"], "one line\nanother"),
        (["key: |-", "  one", "    two", ""], "one\n  two"),
        (["key: [Read, 'Grep', \"Bash\"]"], ["Read", "Grep", "Bash"]),
        (["key: [Read,", "  Grep]"], ["Read", "Grep"]),
        (["key: []"], []),
        (["key:", "  - Read", "  # not Bash", '  - "Grep"'], ["Read", "Grep"]),
        (["key:", "- Read", "- Grep", "other: x"], ["Read", "Grep"]),
    ],
)
def test_a_value_is_what_yaml_says_it_is(lines: list[str], expected: object) -> None:
    assert value(*lines) == expected


@pytest.mark.parametrize("lines", [["key:", "  inner: 1"], ["key: {inner: 1}"]])
def test_what_is_nested_is_known_to_be_there(lines: list[str]) -> None:
    assert isinstance(value(*lines, "after: x"), Nested)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("name: x", 1, "the first line must be ---"),
        ("", 1, "the first line must be ---"),
        ("---\nname: x\nBe strict.", 3, "the frontmatter does not end"),
        ("---\nname: x\nstrict\n---\n", 3, "'strict' is no `key: value`"),
        ("---\nname:x\n---\n", 2, "is no `key: value`"),
        ("---\n  name: x\n---\n", 2, "is no `key: value`"),
        ("---\nname: x\n\nname: y\n---\n", 4, "'name' is there twice; it was on line 2"),
        ('---\nname: "x\n---\n', 2, 'the quote " is not closed'),
        ("---\nname: 'it's'\n---\n", 2, "there is more behind the closing quote '"),
        ('---\nname: "\\q"\n---\n', 2, "\\q means nothing in double quotes"),
        ('---\nname: "\\ud800"\n---\n', 2, "is no character"),
        ("---\nname: x\ntools: [a\n---\n", 3, "the list is not closed"),
        ("---\ntools: ['a' b]\n---\n", 2, "a comma is missing"),
        ("---\ntools:\n- a\n  b\n---\n", 4, "one `- name` a line"),
        ("---\nname: @x\n---\n", 2, "begins with @ has to stand in quotes"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(Malformed) as caught:
        split(text)

    assert caught.value.line == line
    assert why in str(caught.value)
