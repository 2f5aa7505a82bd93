"""Site: what kind of container this is, and so what may be done in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple


class Site(NamedTuple):
    """Made of what the host tells by OPENCLAW_ROLE, OPENCLAW_UNSANDBOXED and OPENCLAW_NETWORK."""

    single_use: bool = False
    """Commands run, and files are written, in containers that are thrown away afterwards, not in Main's."""
    open_machine: bool = False
    """This is no container but a process on somebody's machine, and nobody has allowed more than to look around."""
    network: bool = False
    """The group's settings give it a network."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Site:
        role, unsandboxed = environ.get("OPENCLAW_ROLE"), environ.get("OPENCLAW_UNSANDBOXED", "yes")
        network = environ.get("OPENCLAW_NETWORK", "none") != "none"
        return cls(role in ("dedicated", "standby"), unsandboxed != "yes", network)

    def may_read(self, path: str) -> bool:
        """Whether a path may be looked at: on an open machine only what lies in the working directory."""
        here = os.path.realpath(os.curdir)
        return not self.open_machine or os.path.commonpath([here, os.path.realpath(path)]) == here
