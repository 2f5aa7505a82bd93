"""JSON as it goes into a request. A pure function; any thread."""

from __future__ import annotations

import json


def encode(value: object) -> bytes:
    """`value` as compact JSON. What UTF-8 cannot carry, as in some file names, becomes '?'."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
