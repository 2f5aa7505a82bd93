"""Arguments are checked before a tool gets them, and what is wrong is said so that a model can put it right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_runner.tools.schema import check
from agent_runner.tools.tool import ToolFailed

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "minLength": 1, "maxLength": 5},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 9},
        "share": {"type": "number", "minimum": 0},
        "all": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "more": {"type": "object"},
    },
    "required": ["path"],
}


def test_what_fits_is_given_as_it_is() -> None:
    given = {"path": "a", "mode": "b", "limit": 9, "share": 0.5, "all": True, "names": ["x"], "more": {"y": [1]}}

    assert check("T", given, SCHEMA) == given


def test_an_argument_that_is_null_is_as_good_as_none() -> None:
    assert check("T", {"path": "a", "limit": None}, SCHEMA) == {"path": "a"}


def test_a_whole_number_may_be_written_with_a_point() -> None:
    limit = check("T", {"path": "a", "limit": json.loads("5.0")}, SCHEMA)["limit"]

    assert (limit, type(limit)) == (5, int)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "T takes its arguments as an object"),
        ("path", "T takes its arguments as an object"),
        ({}, 'T needs "path": a string that is not empty of at most 5 characters'),
        ({"path": None}, 'T needs "path"'),
        ({"path": ""}, '"path" takes a string that is not empty of at most 5 characters, not \'\''),
        ({"path": "abcdef"}, "not 'abcdef'"),
        ({"path": "x" * 100}, "not a string of 100 characters"),
        ({"path": 3}, "not 3"),
        ({"path": "\ud800"}, "half of a surrogate pair"),
        ({"path": "a", "file": "b"}, "T has no argument 'file'; it takes path, mode, limit, share, all, names, more"),
        ({"path": "a", "mode": "c"}, "\"mode\" takes one of a, b, not 'c'"),
        ({"path": "a", "limit": 0}, '"limit" takes a whole number from 1 to 9, not 0'),
        ({"path": "a", "limit": 10}, "not 10"),
        ({"path": "a", "limit": 2.5}, "not 2.5"),
        ({"path": "a", "limit": float("nan")}, "not nan"),
        ({"path": "a", "limit": float("inf")}, "not inf"),
        ({"path": "a", "limit": True}, "not true"),
        ({"path": "a", "limit": "5"}, "not '5'"),
        ({"path": "a", "share": -0.5}, '"share" takes a number from 0, not -0.5'),
        ({"path": "a", "all": 1}, '"all" takes true or false, not 1'),
        ({"path": "a", "all": "true"}, "not 'true'"),
        ({"path": "a", "names": "x"}, '"names" takes a list of at most 2'),
        ({"path": "a", "names": ["x", "y", "z"]}, "not a list of 3"),
        ({"path": "a", "names": ["x", 1]}, '"names"[1] takes a string, not 1'),
        ({"path": "a", "more": []}, '"more" takes an object, not a list of 0'),
        ({"path": "a", "mode": {}}, "not an object"),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_taken(arguments: Any, said: str) -> None:
    with pytest.raises(ToolFailed) as failed:
        check("T", arguments, SCHEMA)

    assert said in str(failed.value)


def test_a_tool_without_arguments_says_so() -> None:
    with pytest.raises(ToolFailed, match="it takes no arguments"):
        check("T", {"x": 1}, {"type": "object", "properties": {}})
