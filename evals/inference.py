"""Intervals and paired tests with the episode as the unit of independence.

Every quantity here is a ratio of sums over episodes: sum(num) / sum(den), with one (num, den) per episode. A rate per
step, a conditional rate and a mean per episode are all of this form, and a cluster bootstrap of it is a bootstrap of
the pairs.

Invariants: every resampling is seeded by the name of what is estimated, so the same records give the same interval;
one cluster says nothing about spread, so its interval is unknown, never of width 0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from ..streams import stream

__all__ = ["FEW", "LEVEL", "Contrast", "Estimate", "contrast", "estimate", "holm", "ratio"]

LEVEL = 0.95
RESAMPLES = 2000
PERMUTATIONS = 9999
FEW = 10
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty.

    Attributes:
        value: the estimate; None where it was not measured, with the reason in `why`.
        low, high: 95 % cluster-bootstrap interval; None where it is unknown.
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
        p: two-sided p of the cluster sign-flip permutation test; `p_holm` corrected over the family it was tested in.
    """

    metric: str
    variant: str
    against: str
    difference: Estimate
    p: float | None = None
    p_holm: float | None = None


def ratio(num: Array, den: Array, axis: int = -1) -> Array:
    """sum(num) / sum(den) along an axis; not-a-number where the denominator is 0."""
    top, bottom = np.sum(num, axis=axis), np.sum(den, axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(bottom != 0, top / np.where(bottom == 0, 1, bottom), np.nan)
    return result


def estimate(num: Array, den: Array, name: str, proportion: bool = True) -> Estimate:
    """Estimate a ratio with its cluster-bootstrap (BCa) interval.

    Args:
        num, den: one value per episode, shape (clusters,).
        name: names the resampling stream.
        proportion: whether the ratio is a share, so that 0 of n and n of n get a Wilson interval over the clusters.
    """
    used = den != 0
    num, den = num[used].astype(float), den[used].astype(float)
    clusters = int(used.sum())
    if clusters == 0:
        return Estimate(None, why="no step to measure it on")
    value = float(ratio(num, den))
    n = float(den.sum())
    if clusters == 1:
        return Estimate(value, n=n, clusters=1, why="one episode says nothing about spread")
    if np.ptp(num / den) == 0:
        if proportion and value in (0.0, 1.0):
            low, high = proportion_confint(value * clusters, clusters, alpha=1 - LEVEL, method="wilson")
            return Estimate(value, max(0.0, float(low)), min(1.0, float(high)), n, clusters)
        return Estimate(value, value, value, n, clusters)
    low, high = _bootstrap((num, den), lambda a, b, axis: ratio(a, b, axis), name)
    return Estimate(value, low, high, n, clusters)


def contrast(
    a: tuple[Array, Array], b: tuple[Array, Array], metric: str, variant: str, against: str
) -> Contrast:
    """Paired difference ratio(a) - ratio(b) over the same episodes, with interval and sign-flip permutation test.

    Args:
        a, b: (num, den) per episode, aligned, each of shape (clusters,).
    """
    name = f"{metric}/{variant}/{against}"
    (na, da), (nb, db) = ((np.asarray(x, float), np.asarray(y, float)) for x, y in (a, b))
    clusters = int(((da != 0) | (db != 0)).sum())
    value = float(ratio(na, da) - ratio(nb, db))
    if clusters == 0 or np.isnan(value):
        return Contrast(metric, variant, against, Estimate(None, why="no step to compare on"))
    n = float(da.sum())
    if np.array_equal(na, nb) and np.array_equal(da, db):
        same = Estimate(0.0, 0.0, 0.0, n, clusters, why="the two arms decided alike in every episode")
        return Contrast(metric, variant, against, same, 1.0)
    if clusters == 1:
        return Contrast(metric, variant, against, Estimate(value, n=n, clusters=1, why="one episode only"))

    def difference(w: Array, x: Array, y: Array, z: Array, axis: int) -> Array:
        return ratio(w, x, axis) - ratio(y, z, axis)

    low, high = _bootstrap((na, da, nb, db), difference, name)
    return Contrast(
        metric, variant, against, Estimate(value, low, high, n, clusters), _sign_flip(na, da, nb, db, name)
    )


def holm(contrasts: list[Contrast]) -> list[Contrast]:
    """The contrasts with p-values corrected together by Holm's method."""
    tested = [i for i, c in enumerate(contrasts) if c.p is not None]
    if not tested:
        return contrasts
    corrected = multipletests([contrasts[i].p for i in tested], method="holm")[1]
    fixed = dict(zip(tested, corrected, strict=True))
    return [
        Contrast(c.metric, c.variant, c.against, c.difference, c.p, float(fixed[i]) if i in fixed else None)
        for i, c in enumerate(contrasts)
    ]


def _bootstrap(data: tuple[Array, ...], statistic: Any, name: str) -> tuple[float | None, float | None]:
    """BCa interval over clusters; the percentile interval where BCa is undefined."""
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # degenerate resamples: seen in the result, not on the screen
            result = stats.bootstrap(
                data, statistic, paired=True, vectorized=True, n_resamples=RESAMPLES, confidence_level=LEVEL,
                method=method, rng=stream(0, "bootstrap", name),
            )  # fmt: skip
        low, high = result.confidence_interval
        if np.isfinite(low) and np.isfinite(high):
            return float(low), float(high)
    return None, None


def _sign_flip(na: Array, da: Array, nb: Array, db: Array, name: str) -> float:
    """Two-sided p of swapping the two arms within episodes: exact up to 13 episodes, else 9,999 random swaps."""
    moved = np.flatnonzero((na != nb) | (da != db))
    m = len(moved)
    if 2**m <= PERMUTATIONS:
        codes = np.arange(2**m)[:, None] >> np.arange(m)[None, :]
        swap = (codes & 1).astype(bool)
    else:
        swap = stream(0, "sign-flip", name).random((PERMUTATIONS, m)) < 0.5
    fixed = np.ones(len(na), bool)
    fixed[moved] = False

    def total(x: Array, y: Array) -> Array:
        result: Array = np.where(swap, y[moved], x[moved]).sum(axis=1) + x[fixed].sum()
        return result

    def share(top: Array, bottom: Array) -> Array:
        result: Array = top / np.where(bottom == 0, np.nan, bottom)
        return result

    flipped = share(total(na, nb), total(da, db)) - share(total(nb, na), total(db, da))
    flipped = flipped[np.isfinite(flipped)]  # swaps that leave an arm without a step say nothing
    observed = abs(float(ratio(na, da) - ratio(nb, db)))
    extreme = np.sum(np.abs(flipped) >= observed - 1e-12)
    return float(extreme / len(flipped)) if 2**m <= PERMUTATIONS else float((extreme + 1) / (len(flipped) + 1))
