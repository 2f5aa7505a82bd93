"""What a response that brings no stream means for the sender: the status, and the error in its body.

Pure but for reading the rest of an exchange. Sources: the API's list of errors (400 to 529) and RFC 9110 for
Retry-After.
"""

from __future__ import annotations

import re
import time
from typing import Final

from agent_runner.engines.messages.failures import FRESH, Busy, CallFailed, Refused, TooLong, is_too_long
from agent_runner.engines.messages.framing import Head
from agent_runner.engines.messages.gateway import Exchange
from openclaw.errors import InvalidMessage
from openclaw.message import load_object

MAX_ERROR: Final = 64 * 1024
"""Bytes of an error's body that are read."""

_SHOWN = 300
_LATER = (408, 409, 429)
_HINT = "x-openclaw-hint"
"""What the gateway, which knows the key that was sent, says is to be checked."""
_OWN = "x-openclaw-own"
"""The gateway's mark on errors that are its own words."""
_MEANS = {
    401: "refused the key",
    402: "asks for payment",
    403: "does not let us use the model",
    404: "does not know the model or the address",
}
_CHECK = {
    402: "check the account that the key belongs to",
    404: "check ANTHROPIC_BASE_URL and ANTHROPIC_MODEL",
}
_KEYS = "check ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"


def check_stream(head: Head) -> None:
    """Raises Refused where an answer is none that comes piece by piece."""
    kind = head.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "text/event-stream":
        raise Refused(
            f"the model's API answered with {kind[:80] or 'something'} instead of a stream of events: "
            "check ANTHROPIC_BASE_URL in .env and restart"
        )


def read_error(exchange: Exchange) -> str:
    """What the API says in the body of an error, in one line."""
    data = b""
    try:
        while len(data) < MAX_ERROR and (piece := exchange.read()):
            data += piece
    except CallFailed:
        pass  # what there is says enough
    try:
        error = load_object(data).get("error")
        text = str(error.get("message") or error.get("type") or "") if isinstance(error, dict) else str(error or "")
    except InvalidMessage:
        text = data.decode(errors="replace")
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def failure(head: Head, said: str) -> CallFailed:
    """What a status other than 200 means."""
    status = head.status
    own = _OWN in head.headers
    words = f"HTTP {status}{f': {said}' if said else ''}"
    advice = head.headers.get("x-should-retry")  # the API's own word on it, where it has one
    if advice == "true" or (advice != "false" and (status in _LATER or status >= 500)):
        after = retry_after(head.headers.get("retry-after"))
        if own:
            return Busy(said.rstrip("."), after)
        asks = f" and asks to wait {after:.0f} s" if after else ""
        return Busy(f"the model's API cannot answer now{asks} ({words})", after)
    if own:
        return Refused(said)
    if status == 413 or (status == 400 and is_too_long(said)):
        return TooLong(f"the conversation is longer than the model takes ({words}): {FRESH}")
    if status in _MEANS:
        check = head.headers.get(_HINT) or _CHECK.get(status, _KEYS)
        means = "asks for a key" if check.startswith("no key") else _MEANS[status]
        return Refused(f"the model's API {means}: {check} in .env and restart ({words})")
    return Refused(f"the model's API refused the request ({words}); if it stays so, {FRESH}")


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds that a Retry-After asks for, as a number or as a date; None where it says nothing that makes sense."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return float(value)
    match = re.fullmatch(r"\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT", value, re.ASCII)
    if match is None or match[2] not in _MONTHS:
        return None
    from datetime import UTC, datetime  # here: hardly any answer has a date

    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    try:
        due = datetime(year, _MONTHS.index(match[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return max(0.0, due.timestamp() - (time.time() if now is None else now))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
