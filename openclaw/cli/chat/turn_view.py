"""TurnView: what a conversation knows of the turn that is being answered, from its events.

Pure bookkeeping of the main thread: events in, text and one status line out. Nothing is drawn here.
"""

from __future__ import annotations

from typing import Any

from openclaw.cli.event_stream import Event
from openclaw.cli.terminal import one_line, printable

BEGUN_AGAIN = "[the answer begins again]"
SHOWN = 40
"""Characters of a tool's detail."""


class TurnView:
    """The turn of the message `message_id`."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.started = False
        self.queued = False
        self.cancelling = False
        self.waits_for = ""
        """Why it has not begun, in words, as far as somebody has asked."""
        self.away = False
        self._route = ""
        self._attempt = 1
        self._tool = ""
        self._text = ""
        self._subagents: dict[str, str] = {}

    def take(self, event: Event) -> str:
        """Note an event; the text that it adds to what is shown of the answer."""
        match event.name:
            case "queued":
                self.queued = True
            case "started":
                return self._begin(event.data)
            case "delta":
                return self._delta(event.data)
            case "tool":
                detail = one_line(str(event.data.get("detail", "")))
                cut = detail if len(detail) <= SHOWN else detail[:SHOWN] + "…"
                self._tool = f"{one_line(str(event.data.get('name')))} {cut}".strip()
            case "subagent":
                self._subagent(str(event.data.get("id")), str(event.data.get("status")))
        return ""

    def _subagent(self, subagent: str, status: str) -> None:
        self._subagents[subagent] = status  # audit: ok 6.2 it ends with the turn, which has 9,999 of them at most

    @property
    def busy(self) -> bool:
        """Whether something goes on that is worth a status line at once."""
        return self.away or self.cancelling or bool(self._tool or self._subagents)

    def rest(self, text: str) -> str:
        """What of the reply's `text` was not shown yet. What an agent says between its tools need not be in it."""
        shown = self._text.strip()
        if not shown or not text.strip():
            return printable(text)
        if shown.endswith(text.strip()):
            return ""
        if text.strip().startswith(shown):
            return printable(text.strip()[len(shown) :])
        return "\n" + printable(text)

    def status(self, elapsed_s: float) -> str:
        """The line that says what is going on."""
        parts = [self._doing(), self._helpers(), _duration(elapsed_s)]
        if not self.cancelling:
            parts.append("Ctrl-C gives up" if self.away else "Ctrl-C cancels")
        return " · ".join(part for part in parts if part)

    def _begin(self, data: dict[str, Any]) -> str:
        again = bool(self._text)
        self.started, self._text, self._tool = True, "", ""
        self._route, self._attempt = one_line(str(data.get("route", ""))), int(data.get("attempt", 1))
        return f"\n{BEGUN_AGAIN}\n" if again else ""

    def _delta(self, data: dict[str, Any]) -> str:
        text = printable(str(data.get("text", "")))
        self._text += text
        self._tool = ""
        return "…" + text if data.get("cut") else text

    def _doing(self) -> str:
        if self.cancelling:
            return "cancelling"
        if self.away:
            return "the service is away, waiting for it"
        if not self.started:
            return f"queued: {self.waits_for}" if self.waits_for else "queued" if self.queued else "sending"
        doing = self._tool or ("answering" if self._text else "working")
        where = "" if self._route in ("", "persistent") else f" in a {self._route} container"
        return doing + where + (f", attempt {self._attempt}" if self._attempt > 1 else "")

    def _helpers(self) -> str:
        live = [status for status in self._subagents.values() if status in ("queued", "running", "started")]
        if not self._subagents:
            return ""
        word = "subagent" if len(self._subagents) == 1 else "subagents"
        over = len(self._subagents) - len(live)
        return f"{len(self._subagents)} {word}" + (f", {over} done" if over else "")


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
