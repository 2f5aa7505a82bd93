"""Replies as they lie in the outbox: whether each is the answer of a working service. Reads files, keeps nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openclaw.bench.figure import NotMeasured


def check_replies(outbox: Path, names: Iterable[str], route: str) -> None:
    """Raise NotMeasured unless all of these files hold answers that came by `route`."""
    for name in names:
        check_reply(json.loads((outbox / name).read_bytes()), route)


def check_reply(reply: Mapping[str, Any], route: str) -> None:
    """Raise NotMeasured for a failure, and for an answer that came another way: it was not what is measured."""
    if (reply["status"], reply["route"], reply["attempt"]) != ("done", route, 1):
        raise NotMeasured(f"a message was to be answered at once and by a {route} container, but: {dict(reply)}")
