"""What lies in a directory, as whoever looks for files sees it: hidden ones are being made, or are kept to be."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> list[str]:
    """The names that are not hidden, in order."""
    return sorted(name for name in os.listdir(path) if not name.startswith("."))
