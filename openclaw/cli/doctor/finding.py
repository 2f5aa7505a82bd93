"""Finding: what one check of the doctor's has found. A value."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

State = Literal["ok", "warn", "fail", "skip"]


class Finding(NamedTuple):
    """`advice` is one line that says what to do; whatever fails has one."""

    name: str
    state: State
    detail: str
    advice: str = ""

    @classmethod
    def ok(cls, name: str, detail: str) -> Self:
        return cls(name, "ok", detail)

    @classmethod
    def warn(cls, name: str, detail: str, advice: str) -> Self:
        """It works, and might work better."""
        return cls(name, "warn", detail, advice)

    @classmethod
    def fail(cls, name: str, detail: str, advice: str) -> Self:
        """openclaw does not work like this, or not as it is set."""
        return cls(name, "fail", detail, advice)

    @classmethod
    def skip(cls, name: str, detail: str) -> Self:
        """It could not be looked at, or does not matter here."""
        return cls(name, "skip", detail)
