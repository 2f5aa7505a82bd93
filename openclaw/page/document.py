"""The page as one document: page.html with the style and the scripts that it names put in, and the policy for it.

The files beside this module are what a browser could open as they are. Put together they need no further request, and
the policy names each by its hash: nothing else runs, nothing comes from elsewhere, and no text becomes markup
(Content Security Policy Level 3, https://www.w3.org/TR/CSP3/; Trusted Types, https://www.w3.org/TR/trusted-types/).

Pure but for reading the files.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_PART = re.compile(
    r'<link rel="stylesheet" href="(?P<style>[a-z]+\.css)">|<script src="(?P<script>[a-z]+\.js)"></script>'
)
_CLOSES = re.compile(r"</(?:script|style)|<!--", re.IGNORECASE)


class Document(NamedTuple):
    """The page: its bytes, its Content-Security-Policy, and the entity tag that changes with it."""

    body: bytes
    policy: str
    etag: str


@cache
def load() -> Document:
    """The page, put together once. Raises OSError where a file is missing: the installation is damaged."""
    hashes: dict[str, list[str]] = {"style": [], "script": []}

    def put_in(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        text = _read(match[kind])
        if _CLOSES.search(text):
            raise ValueError(f"{match[kind]} would end the element that it is put into")
        hashes[kind].append(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
        return f"<{kind}>{text}</{kind}>"

    body = _PART.sub(put_in, _read("page.html")).encode()
    return Document(body, _policy(hashes), f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _policy(hashes: dict[str, list[str]]) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(hashes['script'])}",
            f"style-src {' '.join(hashes['style'])}",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _read(name: str) -> str:
    return (files("openclaw.page") / name).read_text("utf-8")
