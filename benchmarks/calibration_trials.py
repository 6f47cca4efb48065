"""Rows of `benchmarks/calibration.py` on decisions that are drawn several times: items that differ, k draws of each.

An item has a log-odds of being done right of its own, and each draw is right with that probability. True values are
integrals over the items. The metrics are those that a scorecard shows, `akrasia.evals.metrics.trials`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import polars as pl
from scipy.special import expit

from akrasia.evals import METRICS
from akrasia.evals.trials import plurality_votes
from akrasia.rng import named_rng

TRIAL_ITEMS = (20, 100, 300)
DRAWS = (3, 8)
ENOUGH = 10.0  # items of the rarer kind from which an upper bound is claimed, as elsewhere


@dataclass(frozen=True)
class TrialWorld:
    """Items whose log-odds of a right draw have this mean and standard deviation; `name` is shown in the table."""

    name: str
    centre: float
    spread: float

    def rates(self, traits: np.ndarray) -> np.ndarray:
        """The probability of a right draw of items with standard normal traits."""
        return np.asarray(expit(self.centre + self.spread * traits))

    def mean(self, value: Callable[[np.ndarray], np.ndarray]) -> float:
        """The mean over items of a function of their probability, by Gauss-Hermite quadrature."""
        points, weights = np.polynomial.hermite_e.hermegauss(80)
        return float(np.sum(weights * value(self.rates(points))) / weights.sum())

    def truths(self, k: int) -> dict[str, float]:
        """Metric -> its true value at k draws; a tie of the vote goes to the first draw, right in half of them."""
        whole = self.mean(lambda p: p)
        return {
            "avg_at_k": whole,
            "pass_at_k": self.mean(lambda p: 1 - (1 - p) ** k),
            "pass_hat_k": self.mean(lambda p: p**k),
            "vote_at_k": self.mean(lambda p: _majority(p, k)),
            "outcome_consistency": self.mean(lambda p: (2 * p - 1) ** 2),
            "action_agreement": self.mean(lambda p: p**2 + (1 - p) ** 2),
            "sampling_variance": self.mean(lambda p: p * (1 - p)),
            "item_variance": self.mean(lambda p: (p - whole) ** 2),
        }


TRIAL_WORLDS = (TrialWorld("items differ", 0.3, 1.2), TrialWorld("items differ much", -0.5, 2.5))
SMOOTH = ("avg_at_k", "action_agreement", "outcome_consistency")
SHARES = ("pass_at_k", "pass_hat_k", "vote_at_k")

Measured = tuple[str, str, float, float | None, float | None]


def repeated_draws(world: TrialWorld, items: int, k: int, replicates: int, seed: int) -> list[Measured]:
    """(section, what, share of the intervals that hold the truth, least and most that is claimed), a row per metric."""
    truths = world.truths(k)
    held = dict.fromkeys(truths, 0)
    for i in range(replicates):
        rng = named_rng(seed, "calibration", "trials", world.name, items, k, i)
        table = _table(world, items, k, rng)
        for name, truth in truths.items():
            estimate = METRICS.make(name)(table)
            held[name] += estimate.low is not None and estimate.low <= truth <= estimate.high
    where = f"{world.name}, {items} items, k = {k}"
    return [
        ("interval of an estimate from k draws", f"{name} = {truth:.3f}, {where}", held[name] / replicates, *ends)
        for name, truth in truths.items()
        if (ends := _claim(name, truth, items))
    ]


def _claim(name: str, truth: float, items: int) -> tuple[float | None, float | None]:
    """What is claimed of a share or a mean of items; of variances, whose intervals are resampled, from 100 items on."""
    if name in SHARES:
        return 0.93, 0.975 if min(truth, 1 - truth) * items >= ENOUGH else None
    if name in SMOOTH:
        return 0.93, None if items < TRIAL_ITEMS[1] else 0.975
    return (0.92, 0.98) if items >= TRIAL_ITEMS[1] else (None, None)


def _table(world: TrialWorld, items: int, k: int, rng: np.random.Generator) -> pl.DataFrame:
    right = rng.random((items, k)) < world.rates(rng.standard_normal((items, 1)))
    draws: list[list[bool]] = right.tolist()
    counts = right.sum(axis=1)
    agreeing = (counts * (counts - 1) + (k - counts) * (k - counts - 1)) / (k * (k - 1))
    return pl.DataFrame(
        {
            "task": "t",
            "model": "m",
            "variant": "v",
            "episode": np.arange(items),
            "step": 0,
            "item": [str(i) for i in range(items)],
            "trials": k,
            "right": counts,
            "draws": draws,
            "agree": agreeing,
            "voted": [plurality_votes([str(r) for r in row], row) for row in draws],
        }
    )


def _majority(p: np.ndarray, k: int) -> np.ndarray:
    """The probability that more than half of k draws are right, or half and the first among them."""
    shares = [(1.0 if 2 * c > k else 0.5) * comb(k, c) * p**c * (1 - p) ** (k - c) for c in range((k + 1) // 2, k + 1)]
    return np.asarray(np.sum(shares, axis=0))
