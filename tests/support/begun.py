"""Waiting for a runner to begin on a message, whichever container it is in."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from tests.support.file_events import FileEvents


def wait_until_begun(home: Path, message_id: str, *, other_than: str = "", timeout: float = 60.0) -> str:
    """Return when a runner has begun on the message: the cid of its container, which is not `other_than`.

    Fails where the message is answered before that was seen.
    """
    channels, reply = home / "ipc/channels", home / f"ipc/outbox/{message_id}.json"
    found: list[str] = []
    with closing(FileEvents(channels, reply.parent)) as events:

        def begun() -> bool:
            answered = reply.exists()  # before the look: a turn that has begun meanwhile is found by it
            for out in channels.glob("[!.]*/out"):
                with suppress(FileNotFoundError):  # its container has just been removed
                    events.watch(out)  # before the look: what comes later is told
                if out.parent.name != other_than and (out / f"{message_id}.started.json").exists():
                    found.append(out.parent.name)
            assert found or not answered, f"{message_id} is answered already: {reply.read_text()}"
            return bool(found)

        events.until(begun, timeout)
    return found[0]
