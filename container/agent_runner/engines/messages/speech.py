"""Speech: what the sender is told while the turn goes on, piece by piece, and never a piece twice.

Belongs to the turn's thread. The whole of it is the turn's answer.
"""

from __future__ import annotations

from collections.abc import Callable

from agent_runner.engines.messages.failures import Diverged

_DIVERGED = (
    "the connection to the model was lost, and what it says now does not continue what it had said; "
    'say "go on" to continue'
)


class Speech:
    """Tells pieces by `tell`. A call of the model that is made again first has to say what it said already."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: list[str] = []
        self._ends_with_break = True
        self._joined = True  # nothing is said yet that would have to be set apart
        self._call: list[str] = []
        self._expected = ""

    @property
    def text(self) -> str:
        """All that was told."""
        return "".join(self._told)

    @property
    def in_call(self) -> str:
        """What was told of the call at hand, as long as it has not ended."""
        return "".join(self._call)

    def begin(self, *, joined: bool) -> None:
        """A call begins; what it says follows at once where it is `joined` to what was said, else as a paragraph."""
        self._call = []
        self._expected = ""
        self._joined = joined

    def again(self) -> None:
        """The call at hand is made once more."""
        self._expected = self.in_call

    def say(self, piece: str) -> None:
        """The model says the next piece. Raises Diverged where it is not what a call made again had said before."""
        if self._expected:
            known = min(len(piece), len(self._expected))
            if piece[:known] != self._expected[:known]:
                raise Diverged(_DIVERGED)
            self._expected, piece = self._expected[known:], piece[known:]
        if piece:
            self._call.append(piece)
            self.add(piece)

    def end(self) -> None:
        """The call is over. Raises Diverged where it said less than before."""
        if self._expected:
            raise Diverged(_DIVERGED)
        self._call = []

    def add(self, piece: str) -> None:
        """Tell something, as the model's or as our own word."""
        if not self._joined and self._told and not self._ends_with_break:
            piece = f"\n\n{piece}"
        self._joined = True
        self._told.append(piece)  # audit: ok 6.2 it ends with its turn, whose calls and their answers have a bound each
        self._ends_with_break = piece.endswith("\n")
        self._tell(piece)
