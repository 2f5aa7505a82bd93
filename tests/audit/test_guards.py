"""What fills a cache is done once; what only stands behind a test is done each time."""

from __future__ import annotations

import textwrap

import pytest

from tests.audit.conftest import Audited

HANDLER = """
import json
import os
from http.server import BaseHTTPRequestHandler

CACHE = {}
_kept = None
_stamp = 0


def read():
    with open("/etc/openclaw/limits.json") as file:
        return json.load(file)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global _kept, _stamp
BODY
"""

FILLS = [
    "if _kept is None:\n    _kept = read()",
    "if not _kept:\n    _kept = read()",
    "if _kept is not None:\n    return _kept\n_kept = read()",
    "if self.path not in CACHE:\n    CACHE[self.path] = read()",
    "if self.path in CACHE:\n    return CACHE[self.path]\nCACHE[self.path] = read()",
    "try:\n    return CACHE[self.path]\nexcept KeyError:\n    CACHE[self.path] = read()",
    'if os.stat("x").st_mtime != _stamp:\n    _kept, _stamp = read(), os.stat("x").st_mtime',
]
DOES = [
    "read()",
    "if not self.path:\n    read()",
    "if self.path in CACHE:\n    return None\nread()",
    'if int(self.headers["size"]) > 10:\n    return self.send_error(413)\nread()',
    "if self.path not in CACHE:\n    read()",
]


def body(text: str) -> str:
    return HANDLER.replace("BODY", textwrap.indent(text, " " * 8))


@pytest.mark.parametrize("text", FILLS)
def test_a_cache_that_is_filled_is_no_finding(audited: Audited, text: str) -> None:
    assert [finding.rule for finding in audited(x=body(text)).findings if finding.dimension == 8] == []


@pytest.mark.parametrize("text", DOES)
def test_a_test_that_guards_no_cache_changes_nothing(audited: Audited, text: str) -> None:
    assert [finding.rule for finding in audited(x=body(text)).findings if finding.dimension == 8] == ["config_each"]
