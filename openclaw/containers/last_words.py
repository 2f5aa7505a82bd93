"""The last that a container wrote, for the log, where it ended and nobody here had asked for that.

It is all that is left of it once it is removed. Stateless; any thread.
"""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger(__name__)

LIMIT: Final = 4096
"""Characters that are kept, the last ones."""


def tell(name: str, text: str) -> None:
    """Log `text` as one event; whatever is in it stays on one line and steers no terminal. Nothing is no event."""
    kept = text.strip()[-LIMIT:]
    if kept:
        log.warning("The container %s ended by itself; the last that it wrote: %s", name, kept)
