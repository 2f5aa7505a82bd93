"""What stays in a session's file when it is rewritten, and what leaves it for the archive.

A pure function; any thread.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from openclaw.message import dump_bytes
from openclaw.message.session import MAX_SESSION, Entry, Session

_MOVED: Final = "\n(What followed took too much room, and is now in "


class Rest(NamedTuple):
    """The lines of the new file, and those of the old one that are to be archived; each in order."""

    kept: list[Entry]
    gone: list[Entry]


def separate(before: list[Entry], added: list[Entry], archive: str) -> Rest:
    """Part the lines of the old file, to which `added` come. `archive` is the name under which those that leave go.

    Turns and summaries leave that count no more; of a file that is still too large then also the oldest turns, until
    half of it is free. Results that a turn before the last was told of are in that turn's messages already.
    """
    session = Session()
    for entry in (*before, *added):
        session.add(entry)
    _shrink(session, archive)
    counts = [*([session.summary] if session.summary else []), *session.turns.values()]
    ids = set(map(id, counts))
    gone = [entry for entry in before if id(entry) not in ids and (entry["kind"] == "summary" or entry.get("messages"))]
    return Rest([*counts, *_results(session)], gone)


def _shrink(session: Session, archive: str) -> None:
    sizes = {turn_id: len(dump_bytes(entry)) for turn_id, entry in session.turns.items()}
    total = sum(sizes.values())
    if total <= MAX_SESSION:
        return
    last = ""
    for turn_id in list(sizes)[:-1]:
        if total <= MAX_SESSION // 2:
            break
        total -= sizes[turn_id]
        last = turn_id
    if not last:
        return
    at = session.turns[last].get("at", 0)
    session.covered(last)
    text = session.summary["text"].partition(_MOVED)[0] if session.summary else ""
    text = f"{text}{_MOVED}conversations/{archive}.)".lstrip()
    session.summary = {"kind": "summary", "id": last, "at": at, "upto": last, "text": text}


def _results(session: Session) -> list[Entry]:
    """The results that may still be asked for, and of which of them a turn was told."""
    tellers: dict[str, list[str]] = {}
    for child in session.results:
        if child in session.told:
            tellers.setdefault(session.told[child], []).append(child)
    told = [{"kind": "turn", "id": teller, "results": children} for teller, children in tellers.items()]
    return [*session.results.values(), *told]
