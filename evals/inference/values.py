"""What inference returns: a number with its uncertainty, and a paired difference with its tests.

Invariant: what was not measured is None with a reason, never 0 and never not-a-number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALIKE", "FEW", "INTERVALS", "LEVEL", "Contrast", "Estimate", "Interval", "IntervalAt", "kind_and_level"]

LEVEL = 0.95
FEW = 10
ALIKE = "the episodes do not differ, so they say nothing about spread"
IntervalKind = Literal["robust", "bootstrap"]
INTERVALS: tuple[IntervalKind, ...] = ("robust", "bootstrap")


@dataclass(frozen=True, slots=True)
class IntervalAt:
    """A kind of interval at a level of its own, in (0, 1)."""

    level: float
    kind: IntervalKind = "robust"


Interval = IntervalKind | IntervalAt
"""How an interval is made; a bare kind is at 95 %."""


def kind_and_level(interval: Interval) -> tuple[IntervalKind, float]:
    """The kind of an interval, and its level."""
    return (interval.kind, interval.level) if isinstance(interval, IntervalAt) else (interval, LEVEL)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty.

    Attributes:
        value: the estimate; None where it was not measured, with the reason in `why`.
        low, high: 95 % interval over clusters; None where it is unknown.
        n: steps (or other units) in the denominator; clusters: episodes that contribute.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: float = 0.0
    clusters: int = 0
    why: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"not measured: {self.why}"
        inside = "?" if self.low is None or self.high is None else f"{self.low:.3g}, {self.high:.3g}"
        return f"{self.value:.3g} [{inside}]"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A paired difference between two variants in one metric: `variant` minus `against`.

    Attributes:
        p: two-sided p of the cluster sign-flip permutation test.
        p_holm, p_bh: `p` corrected over the family it was tested in, by Holm and by Benjamini and Hochberg.
        p_mcnemar: exact two-sided p of McNemar's test; None unless every episode is one step, the same in both arms.
        d_z: Cohen's d_z, the difference in units of its standard deviation between episodes; None where that is 0.
        h: Cohen's h of the two shares; None where they are no shares.
    """

    metric: str
    variant: str
    against: str
    difference: Estimate
    p: float | None = None
    p_holm: float | None = None
    p_bh: float | None = None
    p_mcnemar: float | None = None
    d_z: float | None = None
    h: float | None = None
