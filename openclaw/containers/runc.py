"""What is known of the engine's runc by its version: the holes by which a container could get out of it.

Pure functions. Only those holes are counted that a container of ours could try: the image is our own and each turn runs
in it as an ordinary user, but containers of a group write to one folder, into which others are mounted at that moment.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_VERSION: Final = re.compile(r"v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[-~+.]?rc\.?(\d{1,3}))?", re.ASCII)
_RELEASED: Final = 1000
"""In the place of a release candidate's number, above each of them."""

_Version = tuple[int, int, int, int]


class _Holes(NamedTuple):
    """CVEs, and the first version without them in each series from the oldest that was mended; later ones have none."""

    cves: str
    mended: tuple[_Version, ...]
    text: str
    """Those versions for a person."""


_HOLES: Final = (
    # https://github.com/opencontainers/runc/security/advisories/GHSA-xr7r-f8xq-vfvv
    _Holes("CVE-2024-21626", ((1, 1, 12, _RELEASED),), "1.1.12"),
    # Mounts that are led astray by a link, the same releases mending all three: GHSA-9493-h29p-rfm2,
    # GHSA-qw9x-cqr3-wc7r, GHSA-cgrx-mc8f-2prm. 1.1 was not mended any more.
    _Holes(
        "CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881",
        ((1, 2, 8, _RELEASED), (1, 3, 3, _RELEASED), (1, 4, 0, 3)),
        "1.2.8 and 1.3.3",
    ),
)


def doubt(version: str) -> str:
    """What to say of `version`, as `docker info` names it (v1.3.3-0-gd842d771, 1.1.5+ds1-1+deb12u1); often nothing.

    Nothing is said of one that is no version. A distribution mends holes without another number, so that a number
    alone proves nothing.
    """
    parsed = _parse(version)
    open_ = [f"{holes.cves} (mended in {holes.text})" for holes in _HOLES if parsed and _is_open(holes, parsed)]
    if not open_:
        return ""
    return (
        f"The engine's runc is {version[:80]!r}, from which by its number a container can break out:"
        f" {'; '.join(open_)}. Update the engine, unless your distribution says that it has mended this version"
    )


def _parse(version: str) -> _Version | None:
    match = _VERSION.match(version)
    if match is None:
        return None
    major, minor, patch = (int(part) for part in match.group(1, 2, 3))
    return major, minor, patch, int(match[4]) if match[4] else _RELEASED


def _is_open(holes: _Holes, version: _Version) -> bool:
    series = [mended for mended in holes.mended if mended[:2] == version[:2]]
    return version < (series or holes.mended[:1])[0]
