"""Walking a folder: the files below it that match, within bounds. Links to folders are not followed.

No state; any thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent_runner.tools.globs import Globs
from agent_runner.tools.patience import Patience

MAX_ENTRIES: Final = 300_000
"""Names that one walk looks at."""


@dataclass(slots=True)
class Walk:
    """One walk below `base`, whose files (or with `folders` folders) match `wanted` and not `unwanted`.

    Afterwards `unread` counts the folders that could not be read, and `cut` says that there was more than is looked at.
    """

    base: str
    wanted: Globs
    unwanted: Globs | None = None
    folders: bool = False
    unread: int = 0
    cut: bool = False

    def entries(self, patience: Patience) -> Iterator[os.DirEntry[str]]:
        """What matches, in no order. Raises OSError where `base` cannot be read, and what `patience` raises."""
        left = MAX_ENTRIES
        waiting = [(self.base, self.wanted.begin(), self.unwanted.begin() if self.unwanted else None)]
        while waiting:
            patience.check()
            folder, progress, against = waiting.pop()
            for entry in self._listed(folder):
                left -= 1
                if left < 0:
                    self.cut = True
                    return
                after = self.wanted.step(progress, entry.name)
                if not after:
                    continue
                turned_down = None
                if self.unwanted is not None and against is not None:
                    turned_down = self.unwanted.step(against, entry.name)
                    if self.unwanted.matched(turned_down):
                        continue
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder:
                    waiting.append((entry.path, after, turned_down))
                if self.wanted.matched(after) and (is_folder if self.folders else entry.is_file()):
                    yield entry

    def notes(self) -> list[str]:
        """What the caller should know of the walk, a sentence each."""
        notes = []
        if self.cut:
            notes.append(f"Only {MAX_ENTRIES} names were looked at: begin in a folder further down.")
        if self.unread:
            notes.append(f"{self.unread} folders could not be read.")
        return notes

    def _listed(self, folder: str) -> list[os.DirEntry[str]]:
        """The entries of a folder. Raises OSError for the first one; others are counted."""
        try:
            with os.scandir(folder) as entries:
                return [entry for entry, _ in zip(entries, range(MAX_ENTRIES + 1), strict=False)]
        except OSError:
            if folder == self.base:
                raise
            self.unread += 1
            return []
