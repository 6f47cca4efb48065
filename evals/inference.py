"""Intervals and paired tests with the episode as the unit of independence.

Every quantity here is a ratio of sums over episodes: sum(num) / sum(den), with one (num, den) per episode. A rate per
step, a conditional rate and a mean per episode are all of this form.

Two kinds of 95 % interval:
    robust      (default) cluster-robust linearisation of the ratio with Student's t over the episodes; a share gets a
                Wilson interval at its effective sample size p(1-p) / SE^2 (Korn and Graubard 1998), a difference the
                t interval of the paired linearised values. It holds its level from some 12 episodes on.
    bootstrap   BCa over the episodes (scipy). With fewer than some 40 episodes, and differences that most episodes do
                not show, it covers less than it says: see `tests/test_evals.py`.

Invariants: every resampling is seeded by the name of what is estimated, so the same records give the same interval; one
cluster says nothing about spread, so its interval is unknown; and no interval of a share has width 0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from ..streams import stream

__all__ = ["FEW", "INTERVALS", "LEVEL", "Contrast", "Estimate", "Interval", "contrast", "estimate", "holm", "ratio"]

LEVEL = 0.95
RESAMPLES = 2000
PERMUTATIONS = 9999
CELLS = 10_000_000  # swaps of single episodes that are held at once: 80 MB
FEW = 10
Interval = Literal["robust", "bootstrap"]
INTERVALS: tuple[Interval, ...] = ("robust", "bootstrap")
Array = np.ndarray[Any, np.dtype[np.float64]]


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


def estimate(num: Array, den: Array, name: str, proportion: bool = True, interval: Interval = "robust") -> Estimate:
    """Estimate a ratio with its interval over clusters.

    Args:
        num, den: one value per episode, shape (clusters,).
        name: names the resampling stream.
        proportion: whether the ratio is a share in [0, 1].
        interval: which kind of interval.
    """
    used = den != 0
    num, den = num[used].astype(float), den[used].astype(float)
    clusters = int(used.sum())
    if clusters == 0:
        return Estimate(None, why="no step to measure it on")
    value, n = float(ratio(num, den)), float(den.sum())
    if clusters == 1:
        return Estimate(value, n=n, clusters=1, why="one episode says nothing about spread")
    error = _standard_error(_linearised(num, den))
    low: float | None
    high: float | None
    if interval == "bootstrap" and error > 0:
        low, high = _bootstrap((num, den), lambda a, b, axis: ratio(a, b, axis), name)
    elif proportion:
        low, high = _wilson(value, error, clusters, n)
    else:
        low, high = value - _t(clusters) * error, value + _t(clusters) * error
    return Estimate(value, low, high, n, clusters)


def contrast(
    a: tuple[Array, Array],
    b: tuple[Array, Array],
    metric: str,
    variant: str,
    against: str,
    interval: Interval = "robust",
) -> Contrast:
    """Paired difference ratio(a) - ratio(b) over the same episodes, with interval and sign-flip permutation test.

    Args:
        a, b: (num, den) per episode, aligned, each of shape (clusters,).
    """
    name = f"{metric}/{variant}/{against}"
    (na, da), (nb, db) = ((np.asarray(x, float), np.asarray(y, float)) for x, y in (a, b))
    used = (da != 0) | (db != 0)
    na, da, nb, db = na[used], da[used], nb[used], db[used]
    clusters = int(used.sum())
    value = float(ratio(na, da) - ratio(nb, db))
    if clusters == 0 or np.isnan(value):
        return Contrast(metric, variant, against, Estimate(None, why="no step to compare on"))
    n = float(da.sum())
    if clusters == 1:
        return Contrast(metric, variant, against, Estimate(value, n=n, clusters=1, why="one episode only"))
    error = _standard_error(_linearised(na, da) - _linearised(nb, db))
    low: float | None
    high: float | None
    if error == 0:
        # No episode differs from the others: what can be said is how many such episodes an unseen one would follow.
        reach = _wilson(0.0, 0.0, clusters, n)[1]
        low, high = value - reach, value + reach
    elif interval == "bootstrap":

        def difference(w: Array, x: Array, y: Array, z: Array, axis: int) -> Array:
            return ratio(w, x, axis) - ratio(y, z, axis)

        low, high = _bootstrap((na, da, nb, db), difference, name)
    else:
        low, high = value - _t(clusters) * error, value + _t(clusters) * error
    found = Estimate(value, low, high, n, clusters)
    return Contrast(metric, variant, against, found, _sign_flip(na, da, nb, db, name))


def holm(contrasts: list[Contrast]) -> list[Contrast]:
    """The contrasts with p-values corrected together by Holm's method."""
    tested = [i for i, c in enumerate(contrasts) if c.p is not None]
    if not tested:
        return contrasts
    corrected = multipletests([contrasts[i].p for i in tested], method="holm")[1]
    fixed = dict(zip(tested, map(float, corrected), strict=True))
    return [Contrast(c.metric, c.variant, c.against, c.difference, c.p, fixed.get(i)) for i, c in enumerate(contrasts)]


def _linearised(num: Array, den: Array) -> Array:
    """Per episode, its pull on the ratio: (num - ratio * den) / sum(den)."""
    total = den.sum()
    result: Array = (num - ratio(num, den) * den) / total if total else np.zeros_like(num)
    return result


def _standard_error(pulls: Array) -> float:
    """Cluster-robust standard error, with the small-sample factor C / (C - 1)."""
    c = len(pulls)
    error = float(np.sqrt(c / (c - 1) * np.sum(pulls**2)))
    return error if error > 1e-12 else 0.0


def _t(clusters: int) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, clusters - 1))


def _wilson(value: float, error: float, clusters: int, n: float) -> tuple[float, float]:
    """Wilson interval of a share at its effective sample size, with Student's t over the clusters for z."""
    value = min(max(value, 0.0), 1.0)
    effective = min(value * (1 - value) / error**2, n) if error else float(clusters)
    alpha = 2 * float(stats.norm.sf(_t(clusters)))
    low, high = proportion_confint(value * effective, effective, alpha=alpha, method="wilson")
    return 0.0 if value == 0 else max(0.0, float(low)), 1.0 if value == 1 else min(1.0, float(high))


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
    moved = (na != nb) | (da != db)
    exact = 2 ** int(moved.sum()) <= PERMUTATIONS
    more_n, more_d = _swapped(np.stack([nb - na, db - da])[:, moved], exact, name)

    def share(top: Array, bottom: Array) -> Array:
        result: Array = top / np.where(bottom == 0, np.nan, bottom)
        return result

    flipped = share(na.sum() + more_n, da.sum() + more_d) - share(nb.sum() - more_n, db.sum() - more_d)
    flipped = flipped[np.isfinite(flipped)]  # swaps that leave an arm without a step say nothing
    observed = abs(float(ratio(na, da) - ratio(nb, db)))
    extreme = np.sum(np.abs(flipped) >= observed - 1e-12)
    return float(extreme / len(flipped)) if exact else float((extreme + 1) / (len(flipped) + 1))


def _swapped(change: Array, exact: bool, name: str) -> Array:
    """What each permutation adds to the first arm: the sum of `change`, shape (2, episodes), over the swapped episodes.

    Where a table of all swaps would be large, episodes with the same change are drawn together: how many of c such
    episodes are swapped is Binomial(c, 1/2), so the sums have the same distribution as if each were drawn by itself.
    """
    m = change.shape[1]
    result: Array = np.zeros((2, PERMUTATIONS))
    if exact:
        result = change @ (np.arange(2**m)[:, None] >> np.arange(m)[None, :] & 1).T
        return result
    rng = stream(0, "sign-flip", name)
    if m * PERMUTATIONS <= CELLS:
        result = change @ (rng.random((PERMUTATIONS, m)) < 0.5).T
        return result
    kinds, counts = np.unique(change, axis=1, return_counts=True)
    together = CELLS // PERMUTATIONS
    for i in range(0, len(counts), together):
        swaps = rng.binomial(counts[i : i + together], 0.5, (PERMUTATIONS, len(counts[i : i + together])))
        result += kinds[:, i : i + together] @ swaps.T
    return result
