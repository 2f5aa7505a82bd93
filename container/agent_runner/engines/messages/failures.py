"""What may go wrong with a call of the model. The texts are for the sender: what happened, and what to do."""

from __future__ import annotations

import re
from typing import Final

from openclaw.errors import OpenClawError

FRESH: Final = "send /new to begin a fresh session"

_TOO_LONG = re.compile(r"too (long|large)|context (length|window|size)|exceed\w* .{0,40}(context|token)", re.I)


def is_too_long(said: str) -> bool:
    """Whether an API that refuses a request says that it is longer than the model's window."""
    return bool(_TOO_LONG.search(said))


class CallFailed(OpenClawError):
    """A call of the model failed."""


class Gone(CallFailed):
    """Nobody answers at the gateway's socket: the service is restarting, or has ended."""


class Cut(CallFailed):
    """The connection ended, or said what makes no sense, before the answer was whole."""


class Stalled(CallFailed):
    """Nothing came for too long."""


class Busy(CallFailed):
    """The API cannot now, and says so. `after`: how many seconds it asks to wait, None where it does not."""

    def __init__(self, text: str, after: float | None = None) -> None:
        super().__init__(text)
        self.after = after


class TooLong(CallFailed):
    """The request is more than the model, or the API, takes."""


class Refused(CallFailed):
    """The API will not take this request, however often it is sent."""


class Diverged(CallFailed):
    """A call that was repeated says something else than what the sender was shown of it."""
