"""Names that would lead elsewhere or look like others: refused at the door, and none of it reaches the disk.

One pattern holds for all (openclaw/message/names.py): of a message, a group, a session and a profile. The name of a
dropped file may be anything that a folder holds; it is told, cleaned, and never a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from tests.faults.amount import Figure
from tests.support.file_events import FileEvents
from tests.support.raw_http import RawClient
from tests.support.service import RunningService

HOSTILE: Final = (
    *("..", ".", "../evil", "../../evil", "..\\evil", "/tmp/evil", "a/../../evil", "a/b", "~", "~root", "a.json"),
    *(".evil", "evil\0", "evil\0.json", "evil\n", "evil\r\nSet-Cookie: a=b", "\x1b[2Jevil", "evil\x7f", "evil\x85"),
    *("evil ", " evil", "e" * 65, "e" * 300, "-evil", "_evil", "--help", "$(touch evil)", "`evil`"),
    *("evil;id", "evil|id", "evil*", "evil?"),
    *("еvil", "ｅvil", "evi\u200bl", "\u202elive", "e\u0301vil", "ⅰd", "evil\u2028", "١", "%2e%2e", "con:", ""),
)  # fmt: skip
FILES: Final = (
    *("evil\n.json", "evil\r.json", "\x1b[2Jevil.json", "-evil.json", "$(touch evil).json", "*.json", "evil evil.json"),
    *("e" * 250 + ".json", "еvil.json", "\u202elive.json", "evil\udcff.json", "evil.reason.json", "a..json"),
)
"""A lone surrogate stands for a byte that is no UTF-8, as in os.fsencode."""

FIT: Final = re.compile(r"[A-Za-z0-9.][A-Za-z0-9._-]*", re.ASCII)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as running:
        yield running


def files_below(root: Path) -> set[str]:
    """Each path below `root`; spares and files that are being written come and go."""
    found = {os.path.join(folder, name) for folder, folders, names in os.walk(root) for name in (*folders, *names)}
    return {path for path in found if not os.path.basename(path).startswith((".spare.", ".new."))}


@pytest.mark.parametrize("key", ["id", "group", "session"])
def test_a_hostile_name_in_a_message_reaches_no_disk(service: RunningService, key: str, figure: Figure) -> None:
    assert service.post({"text": "hello"}).status_code == 200
    before = files_below(service.home.parent)
    for name in HOSTILE:
        refused = service.post({"text": "hello", key: name})
        assert (refused.status_code, f'"{key}" must be' in refused.json()["detail"]) == (400, True), name

    assert files_below(service.home.parent) <= before
    figure(f"{len(HOSTILE)} names refused, 0 on the disk")


def test_a_hostile_name_in_an_address_is_nobody_s(service: RunningService, figure: Figure) -> None:
    before = files_below(service.home.parent)
    port = int(service.url.rpartition(":")[2])
    spelt = {*(quote(name, safe="") for name in HOSTILE), *(quote(name) for name in HOSTILE), "..", "../..", "%2e%2e/x"}
    for name in spelt - {""}:
        for method, path in (
            *(("GET", f"/messages/{name}"), ("DELETE", f"/messages/{name}"), ("GET", f"/messages/{name}/events")),
            *(("PUT", f"/groups/{name}"), ("DELETE", f"/groups/{name}"), ("GET", f"/groups/{name}")),
        ):
            with RawClient(port) as client:
                status = client.request(method, path, b"{}" if method == "PUT" else None).status
            assert status in (400, 404, 405), (method, path)

    assert files_below(service.home.parent) <= before
    figure(f"{len(spelt)} spellings of names on 6 addresses refused, 0 on the disk")


def test_a_hostile_profile_is_no_profile(service: RunningService) -> None:
    agents = service.home / "groups/main/.claude/agents"
    (service.home / "evil.md").write_text("---\nname: evil\ndescription: d\n---\nsay evil\n")
    (agents / "link.md").symlink_to(service.home / "evil.md")
    for name in ("../../../../evil", "link", "\x1b[2J", "e" * 300, "еvil"):
        reply = service.post({"text": f"/spawn @{name} hello", "session": "s"}).json()
        assert (reply["status"], reply.get("subagents", [])) == ("done", []), reply


def test_a_dropped_file_of_any_name_is_answered_under_a_fit_one(service: RunningService, figure: Figure) -> None:
    ipc = service.home / "ipc"
    assert service.post({"text": "hello", "id": "first"}).status_code == 200  # what its first turn makes is there
    outside = files_below(service.home.parent) - files_below(ipc)
    for name in FILES:
        (ipc / ".hidden").write_text('{"text": "hello"}')
        (ipc / ".hidden").rename(ipc / "inbox" / name)
    with closing(FileEvents(ipc / "inbox", ipc / "outbox")) as events:
        events.until(lambda: sum("." not in path.stem for path in (ipc / "outbox").glob("*.json")) == len(FILES) + 1)

    assert [name for name in os.listdir(ipc / "outbox") if FIT.fullmatch(name) is None] == []
    assert files_below(service.home.parent) - files_below(ipc) <= outside
    figure(f"{len(FILES)} dropped and answered, 0 names that are not fit")
