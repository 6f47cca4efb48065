"""What a run has shown so far: per model and variant knowing, doing and gap with their intervals, counted as they come.

Invariant: a rate is counted and its interval computed as on the scorecard, over items; it is the same number once the
run is complete, for a run that is not looked at early.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..evals.inference import Estimate, estimate
from ..records import Record

RATES = ("knowing", "doing", "gap")


@dataclass
class ArmTally:
    """The steps of one variant with one model, counted per item.

    Attributes:
        steps: how many there are; asked: at how many of them a recommendation was asked for.
    """

    steps: int = 0
    asked: int = 0
    _items: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 5))
    _estimates: dict[str, Estimate] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count one record."""
        knows = bool(set(record.decision.stated) & set(record.oracle.optimal))
        does = record.decision.done in record.oracle.optimal
        asked = record.decision.stated_status != "absent"
        counts = self._items[record.item or str(record.episode)]
        for i, one in enumerate((1, asked, asked and knows, does, asked and knows and not does)):
            counts[i] += one
        self.steps += 1
        self.asked += asked
        self._estimates.clear()

    def estimate(self, rate: str) -> Estimate:
        """Knowing, doing or gap with its interval over the items so far."""
        if rate not in self._estimates:
            table = np.array(list(self._items.values()), dtype=float)
            over = table[:, 0] if rate == "doing" else table[:, 1]
            self._estimates[rate] = estimate(table[:, 2 + RATES.index(rate)], over, rate)
        return self._estimates[rate]


class RunTally:
    """All arms of a run: per model its variants, both in the order in which they are listed."""

    def __init__(self, models: Sequence[str], variants: Sequence[str]) -> None:
        self.arms = {model: {variant: ArmTally() for variant in variants} for model in models}

    def add(self, record: Record) -> None:
        """Count one record; of a model or variant that is not listed too."""
        self.arms.setdefault(record.model, {}).setdefault(record.variant, ArmTally()).add(record)
