"""Settings of the engine `messages`, from the runner's environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from openclaw.errors import ConfigError

SMALLEST_WINDOW = 4096
"""Tokens that a model's window must have: the system prompt alone takes about 1500."""


class Settings(NamedTuple):
    """What the host tells. Durations are seconds."""

    assistant: str = "Claw"
    role: str = "main"
    model: str = "claude-sonnet-4-5"
    gateway: str = "/channel/gw/s"
    """The path of the gateway's socket."""
    max_tokens: int = 16_000
    """Tokens that one answer of the model may have."""
    context_tokens: int = 200_000
    """Tokens that the model's window holds, question and answer together."""
    silence: float = 120.0
    """How long the model may say nothing in the middle of an answer before a call is given up."""
    group: Path = Path("/workspace/group")
    common: Path = Path("/workspace/global")
    """The folders of the group, and of what every group may read."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises ConfigError for a number that is none. The group's folder is the working directory."""
        default = cls()
        return cls(
            assistant=environ.get("ASSISTANT_NAME") or default.assistant,
            role=environ.get("OPENCLAW_ROLE") or default.role,
            model=environ.get("OPENCLAW_MODEL") or default.model,
            gateway=environ.get("OPENCLAW_GATEWAY") or default.gateway,
            max_tokens=_number(environ, "OPENCLAW_MAX_TOKENS", default.max_tokens, 256),
            context_tokens=_number(environ, "OPENCLAW_CONTEXT_TOKENS", default.context_tokens, SMALLEST_WINDOW),
            silence=_number(environ, "OPENCLAW_SILENCE_MS", round(default.silence * 1000), 1) / 1000,
            group=Path(os.path.realpath(os.curdir)),
            common=Path(environ.get("OPENCLAW_GLOBAL") or default.common),
        )

    @property
    def answer_tokens(self) -> int:
        """Tokens that are asked for: a small window is not given to the answer alone."""
        return min(self.max_tokens, self.context_tokens // 4)

    @property
    def room(self) -> int:
        """Tokens that a question may have."""
        return self.context_tokens - self.answer_tokens


def _number(environ: Mapping[str, str], name: str, default: int, low: int) -> int:
    text = environ.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) < low:
        raise ConfigError(f"{name} takes a whole number from {low}, not {text[:80]!r}")
    return int(text)
