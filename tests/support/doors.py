"""Doors that are only noted, for tests of who opens and closes them."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from openclaw.errors import RuntimeFailure


class Admitted(NamedTuple):
    cid: str
    group: str
    directory: Path
    in_flight: Callable[[str], bool]


class RecordingDoors:
    """Each admission and dismissal is in a queue; with a `refusal` nobody is admitted."""

    def __init__(self) -> None:
        self.admitted: queue.Queue[Admitted] = queue.Queue()
        self.dismissed: queue.Queue[str] = queue.Queue()
        self.refusal = ""

    def admit(self, cid: str, group: str, directory: Path, in_flight: Callable[[str], bool]) -> None:
        if self.refusal:
            raise RuntimeFailure(self.refusal)
        self.admitted.put(Admitted(cid, group, directory, in_flight))

    def dismiss(self, cid: str) -> None:
        self.dismissed.put(cid)
