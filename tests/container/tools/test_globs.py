"""File name patterns, matched a name at a time."""

from __future__ import annotations

import pytest

from agent_runner.tools.globs import MAX_CHOICES, MAX_PATTERN, Globs, anywhere, split_base
from agent_runner.tools.tool import ToolFailed


def matches(pattern: str, path: str) -> bool:
    globs = Globs(pattern)
    progress = globs.begin()
    for name in path.split("/"):
        progress = globs.step(progress, name)
    return globs.matched(progress)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        *(("*.py", "a.py"), ("*", ".hidden"), ("a?c", "abc"), ("[a-c]x", "bx"), ("[!a-c]x", "dx"), ("[^a-c]x", "dx")),
        *(("**/*.py", "a.py"), ("**/*.py", "x/y/a.py"), ("**", "x/y"), ("src/**", "src/x"), ("src/**/a", "src/a")),
        *(("src/**/a", "src/x/y/a"), ("**/x/**/y", "x/y"), ("**/x/**/y", "1/x/2/3/y"), ("./a", "a"), ("a//b", "a/b")),
        *(("*.{js,ts}", "a.ts"), ("{a,b}/{c,d}", "b/c"), ("a.{x{1,2},y}", "a.x2"), ("a.{x}", "a.{x}")),
        *((".git/*", ".git/config"), ("**/.git/**", "x/.git/y/z"), ("**/**/**/a", "x/a"), ("a*a*b", "aaab")),
    ],
)
def test_what_matches(pattern: str, path: str) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        *(("*.py", "x/a.py"), ("*.py", "a.pyc"), ("*.PY", "a.py"), ("src/**", "src"), ("src/*", "src/x/y")),
        *(("**/a", "b"), ("**", ".git/config"), ("*", ".git"), ("**/*", "x/.git/y"), ("a/b", "a"), ("a/b", "a/b/c")),
    ],
)
def test_what_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


def test_a_folder_in_which_nothing_can_match_is_known_from_its_name() -> None:
    globs = Globs("src/*.py", "docs/**")

    assert globs.step(globs.begin(), "src")
    assert not globs.step(globs.begin(), "node_modules")


def test_a_pattern_made_to_take_for_ever_does_not() -> None:
    assert not matches("*a" * 100 + "*b", "a" * 255)
    assert not matches("**/a/" * 100 + "b", "/".join("a" * 100))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "empty"),
        ("./", "empty"),
        ("x" * (MAX_PATTERN + 1), f"at most {MAX_PATTERN}"),
        ("{a,b}" * 7, f"more than {MAX_CHOICES} patterns"),
        ("{a,b}" * 150, f"more than {MAX_CHOICES} patterns"),
    ],
)
def test_what_is_no_pattern_is_said(pattern: str, said: str) -> None:
    with pytest.raises(ToolFailed, match=said):
        Globs(pattern)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("*.py", ("", "*.py")),
        ("src/a/*.py", ("src/a/", "*.py")),
        ("src/{a,b}/c", ("src/", "{a,b}/c")),
        ("/etc/passwd", ("/etc/", "passwd")),
        ("../x/**/y", ("../x/", "**/y")),
        ("folder/", ("folder/", "")),
    ],
)
def test_the_folder_to_begin_in_is_told_from_the_pattern(pattern: str, parts: tuple[str, str]) -> None:
    assert split_base(pattern) == parts


@pytest.mark.parametrize(
    ("pattern", "meant"), [("*.py", "**/*.py"), ("src/*.py", "src/*.py"), ("/a.py", "a.py"), ("docs/", "**/docs/")]
)
def test_a_pattern_without_a_slash_is_about_names_in_whichever_folder(pattern: str, meant: str) -> None:
    assert anywhere(pattern) == meant
