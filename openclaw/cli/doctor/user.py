"""Who a user is, in words. No state."""

from __future__ import annotations

import os
import pwd


def name(uid: int | None = None) -> str:
    """The name of `uid`, or of whoever runs this; the number where it has none."""
    uid = os.geteuid() if uid is None else uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
