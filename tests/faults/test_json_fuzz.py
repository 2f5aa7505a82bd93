"""JSON of every bad kind, by the parser alone, by HTTP and as dropped files: a message, or a reason, and no crash."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from openclaw.errors import InvalidMessage
from openclaw.message import Message, load_object
from tests.faults.amount import LONG, Figure, amount
from tests.faults.fuzz import ALWAYS_REFUSED, fuzzed
from tests.support.file_events import FileEvents
from tests.support.raw_http import RawClient
from tests.support.service import RunningService

PARSED: Final = amount(4000, 20_000)
POSTED: Final = amount(400, 20_000)
DROPPED: Final = amount(200, 20_000)
BATCH: Final = 1000
"""Files that are dropped at once; each of them that is no JSON gets its two seconds."""


def parse(data: bytes) -> Message | None:
    """The message in `data`; None where it is refused, which may not be in any other way."""
    try:
        return Message.from_json(load_object(data))
    except InvalidMessage as refused:
        if not str(refused).isprintable() or len(str(refused)) > 400:
            raise ValueError(f"{refused!r} would not be one short line") from refused
        return None


def well_formed(data: bytes) -> Any:
    """What another reader makes of `data`; None where it is none to it either."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


@pytest.mark.parametrize("kind", ALWAYS_REFUSED)
def test_each_bad_kind_is_refused_with_the_reason(kind: str) -> None:
    assert parse(ALWAYS_REFUSED[kind]) is None


def test_the_parser_gives_a_message_or_a_reason_and_nothing_else(figure: Figure) -> None:
    taken = 0
    for seed in range(PARSED):
        data = fuzzed(seed)
        message = parse(data)
        if message is not None:
            taken += 1
            assert well_formed(data)["text"] == message.text, data
            assert Message.from_json(load_object(json.dumps(message.to_json()).encode())) == message
    assert taken > PARSED // 20  # the damage is not so great that nothing gets through
    figure(f"{PARSED} fuzzed, {taken} were messages, 0 crashes")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """One that has logged no error in the end."""
    with RunningService(tmp_path / "home", QUEUE_LIMIT="100000", LOG_LEVEL="WARN" if LONG else "INFO") as running:
        yield running


def test_by_http_each_is_answered_and_the_connection_goes_on(service: RunningService, figure: Figure) -> None:
    statuses: Counter[int] = Counter()
    with RawClient(int(service.url.rpartition(":")[2])) as client:
        for seed in range(POSTED):
            data = fuzzed(seed)
            response = client.request("POST", "/messages", data)
            allowed = {202, 404, 409} if parse(data) is not None else {400}
            assert response.status in allowed, (seed, data, response)
            assert response.json()  # the answer itself is JSON
            statuses[response.status] += 1
    assert service.post({"text": "hello", "session": "honest"}).json()["status"] == "done"
    figure(f"{POSTED} posted: {dict(statuses)}, 0 crashes")


def test_as_files_each_is_answered_or_kept_beside_the_reason(service: RunningService, figure: Figure) -> None:
    ipc = service.home / "ipc"
    with closing(FileEvents(ipc / "inbox", ipc / "work")) as events:
        for first in range(0, DROPPED, BATCH):
            for seed in range(first, min(first + BATCH, DROPPED)):
                (ipc / f".f{seed}.json").write_bytes(fuzzed(seed))
                (ipc / f".f{seed}.json").rename(ipc / f"inbox/f{seed}.json")
            events.until(lambda: _is_settled(ipc))
    failed, replies = _failed(ipc), _stems(ipc / "outbox")
    for seed in range(DROPPED):
        was = parse(fuzzed(seed))
        if was is None:
            assert f"f{seed}" in failed, fuzzed(seed)
            assert (ipc / f"failed/f{seed}.json").read_bytes() == fuzzed(seed)
            reason = json.loads((ipc / f"failed/f{seed}.reason.json").read_bytes())["detail"]
            assert (reason, reason.isprintable()) != ("", False)
    assert service.get("/healthz").status_code == 200
    figure(f"{DROPPED} dropped: {len(failed)} failed with the reason, {len(replies)} replies, 0 crashes")


def _is_settled(ipc: Path) -> bool:
    """Nothing is left in the inbox, and nothing is claimed or in flight."""
    at_work = [name for name in os.listdir(ipc / "work") if not name.startswith((".new.", ".spare."))]
    return not os.listdir(ipc / "inbox") and not at_work


def _stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.json") if "." not in path.stem}


def _failed(ipc: Path) -> set[str]:
    return {path.stem for path in (ipc / "failed").glob("*.json") if not path.stem.endswith(".reason")}
