"""What goes to the host, as bytes. A pure function; any thread."""

from __future__ import annotations

import json
from typing import Any

from openclaw.message import dump_bytes


def to_bytes(body: dict[str, Any]) -> bytes:
    """`body` as one line of JSON. What UTF-8 cannot carry, as in some file names, becomes '?'."""
    try:
        return dump_bytes(body)
    except UnicodeEncodeError:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"
