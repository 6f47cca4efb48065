"""How much a model thinks before it answers, and the room that this takes beside the answer that is seen.

Roles say how long an answer may be. Providers count what a model thinks into the same limit, so a model that thinks is
given an allowance on top, by its effort. It is a limit and no cost: what is paid is what was thought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UNLIMITED = "unlimited"
Allowance = int | Literal["auto", "unlimited"]

# Tokens that are set aside for thinking, by effort. OpenAI's guide asks for 25,000 at least where the effort is not
# known to be low; the others stand in about the ratio in which models were seen to think.
_ROOM = {"none": 0, "minimal": 4_096, "low": 8_192, "medium": 25_000, "high": 50_000, "xhigh": 100_000, "max": 100_000}
# What one answer is assumed to think in a forecast, where nothing is known of the model.
_USUAL = {"none": 0, "minimal": 128, "low": 512, "medium": 1_500, "high": 5_000, "xhigh": 12_000, "max": 20_000}

EFFORTS = tuple(_ROOM)


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model thinks.

    Attributes:
        default: the effort in force where none is asked for; "none": it does not think unless it is asked to.
        efforts: those that it takes.
        allowance: tokens for thinking on top of an answer: "auto" (by the effort), a number, or "unlimited".
        most: the most tokens of one answer, thinking included; 0 where it is not known.
    """

    default: str = "medium"
    efforts: tuple[str, ...] = EFFORTS
    allowance: Allowance = "auto"
    most: int = 0

    def room(self, effort: str, visible: int) -> int | None:
        """The tokens for thinking beside an answer of `visible` tokens; None where there is no limit."""
        if self.allowance == UNLIMITED:
            return None
        tokens = self._room(effort) if self.allowance == "auto" else int(self.allowance)
        return max(0, min(tokens, self.most - visible)) if self.most else tokens

    def _room(self, effort: str) -> int:
        """By the effort; a model that is left to itself thinks by the question, so it gets the usual room at most."""
        return _ROOM[effort] if effort in _ROOM else min(_ROOM.get(self.default, _ROOM["medium"]), _ROOM["medium"])

    def thinks(self, effort: str) -> bool:
        """Whether it thinks at an effort; empty is its own."""
        return (effort or self.default) != "none"

    def usual(self, effort: str) -> int:
        """The tokens that one answer is assumed to think, for forecasts."""
        return _USUAL.get(effort or self.default, _USUAL["medium"])
