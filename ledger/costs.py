"""What a run paid, and what it would have paid naively.

Invariant: both sides are counted from the ledger. Paid are its answers, each once, over all sessions. A decision's own
record says what it would have cost alone; summed, that is a run in which every variant asks for everything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

from .ledger import CallCosts

__all__ = ["RunCosts"]


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
        line = f"The run so far: {paid.calls:,} calls paid; every variant alone would have made {naive.calls:,}"
        if paid.dollars and naive.dollars:
            line += f" (${paid.dollars:.4f} instead of ${naive.dollars:.4f})"
        return line + "."
