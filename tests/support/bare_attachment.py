"""An attachment of which only the container's id is looked at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from openclaw.agents.attachment import Attachment


def bare_attachment(cid: str) -> Attachment:
    """All that bookkeeping asks of one: `attachment.channel.cid`."""
    only: Any = SimpleNamespace(channel=SimpleNamespace(cid=cid))
    return cast(Attachment, only)
