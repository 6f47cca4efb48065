"""What a run paid, and what it would have paid with nothing shared.

Invariant: both sides are counted from the ledger. What was paid is its answers, each once, over all sessions. What a
decision would have cost alone stands in its record; the sum over all records is a run in which every variant asks for
everything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add


@dataclass(frozen=True, slots=True)
class CallCosts:
    """The costs of some calls; dollars are nominal US dollars, None where a price is unknown."""

    calls: int = 0
    dollars: float | None = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: CallCosts) -> CallCosts:
        return CallCosts(
            self.calls + other.calls,
            None if self.dollars is None or other.dollars is None else self.dollars + other.dollars,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True)
class RunCosts:
    """Paid and naive costs of a run.

    Attributes:
        paid: what all sessions of the run paid.
        alone: what each (task, model, variant) would have paid alone.
    """

    paid: CallCosts
    alone: Mapping[tuple[str, str, str], CallCosts]

    @property
    def naive(self) -> CallCosts:
        """What the run would have paid with nothing shared: every variant once, alone."""
        return reduce(add, self.alone.values(), CallCosts())

    def __str__(self) -> str:
        paid, naive = self.paid, self.naive
        text = f"The run so far: {paid.calls:,} calls paid; every variant alone would have made {naive.calls:,}"
        if paid.dollars and naive.dollars:
            text += f" (${paid.dollars:.4f} instead of ${naive.dollars:.4f})"
        return text + "."
