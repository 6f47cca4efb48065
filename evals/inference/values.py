"""What inference returns: a number with its uncertainty, and a paired difference with its tests.

Invariant: what was not measured is None with a reason, never 0 and never not-a-number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LEVEL = 0.95
FEW = 10
ALIKE = "the items do not differ, so they say nothing about spread"
ONE = "only 1 item: one episode, or several about the same, says nothing about spread"
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
        n: steps (or other units) in the denominator; clusters: items that contribute.
        effective: how many equally heavy items say as much, where items weigh very unequally; None elsewhere.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: float = 0.0
    clusters: int = 0
    why: str = ""
    effective: float | None = None

    @property
    def counted(self) -> int:
        """The items that count towards `FEW`: equally heavy ones."""
        return self.clusters if self.effective is None else min(self.clusters, int(self.effective))

    @property
    def how_many(self) -> str:
        """The items, in words: "12", or "12 that weigh like 3"."""
        return str(self.clusters) + f" that weigh like {self.counted}" * (self.effective is not None)

    def scaled(self, factor: float) -> Estimate:
        """So many times the number, with its interval; below 0 its ends change places."""
        value, low, high = (None if x is None else factor * x + 0.0 for x in (self.value, self.low, self.high))
        low, high = (high, low) if factor < 0 else (low, high)
        return Estimate(value, low, high, self.n, self.clusters, self.why)

    def __str__(self) -> str:
        if self.value is None:
            return f"not measured: {self.why}"
        inside = "?" if self.low is None or self.high is None else f"{self.low:.3g}, {self.high:.3g}"
        return f"{self.value:.3g} [{inside}]"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range that missing outcomes leave open.

    Attributes:
        low: the estimate with every missing outcome at its worst; high: at its best. Each has its own 95 % interval, so
            `low.low` to `high.high` covers the whole range that the missing outcomes leave (Horowitz and Manski 2000).
        missing: share of the outcomes that are missing; of both arms together for a difference. None without a step.
    """

    low: Estimate
    high: Estimate
    missing: float | None


@dataclass(frozen=True, slots=True)
class Contrast:
    """A paired difference between two variants in one metric: `variant` minus `against`.

    Attributes:
        bounds: what missing outcomes could have made of it; None where none is missing, or the metric does not say.
        p: two-sided p of the cluster sign-flip permutation test.
        p_holm, p_bh: `p` corrected over the family it was tested in, by Holm and by Benjamini and Hochberg.
        p_mcnemar: exact two-sided p of McNemar's test; None unless every item is one step, the same in both arms.
        d_z: Cohen's d_z, the difference in units of its standard deviation between items; None where that is 0.
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
    bounds: Bounds | None = None

    @property
    def worst(self) -> tuple[float, float] | None:
        """The ends of the interval with every missing outcome at its worst; None where none is missing.

        Without a p the interval is anytime-valid and wider than the bounds' own: each end then lies as far from its
        bound as the interval's end from the estimate.
        """
        d, ends = self.difference, self.bounds
        if ends is None or ends.low.value is None or ends.high.value is None or d.value is None:
            return None
        low = ends.low.value if ends.low.low is None else ends.low.low
        high = ends.high.value if ends.high.high is None else ends.high.high
        if self.p is not None or d.low is None or d.high is None:
            return low, high
        below, above = d.value - d.low, d.high - d.value
        return max(min(low, ends.low.value - below), min(low, -1.0)), min(
            max(high, ends.high.value + above), max(high, 1.0)
        )
