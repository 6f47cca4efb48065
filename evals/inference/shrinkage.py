"""How much an effect differs between items, and each item's own effect, shrunk to what they have in common.

A one-way random-effects model of paired differences: item i has an effect around a common one with variance tau^2, and
each of its n_i differences scatters around that with variance sigma^2, which is pooled over items. The item's effect
given tau is B_i raw_i + (1 - B_i) common with B_i = tau^2 / (tau^2 + sigma^2 / n_i) (Efron and Morris 1975). What tau
is, is not known: effect and interval are averaged over tau by its likelihood (flat in tau and in the common effect,
Gelman 2006), since an interval that takes the best estimate for the truth holds too seldom where few items tell it.
That the intervals hold the items' true effects in about 95 of 100 is simulated in
`tests/evals/inference/test_shrinkage.py`. `tau` itself is estimated by analysis of variance (Searle, Casella and
McCulloch 1992, ch. 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .distributions import f_tail, normal_quantile
from .ratios import Array
from .values import LEVEL

GRID = 120  # values of tau


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Effects of items.

    Attributes:
        common: the effect that they have in common; raw, effect: of each item, as observed and shrunk, shape (items,).
        low, high: of each item's effect. tau: standard deviation of the items' effects, 0 where none is to be seen.
        within: standard deviation of one difference around its item's effect.
        p: of the F test that all items have one effect.
    """

    common: float
    raw: Array
    effect: Array
    low: Array
    high: Array
    tau: float
    within: float
    p: float


def shrunk_effects(differences: Array, codes: np.ndarray, items: int) -> Shrunk | None:
    """The effects of items; None where no item has two differences, or there are fewer than three items.

    Args:
        differences: one per paired decision; codes: the number of its item, from 0 to `items` - 1.
    """
    size = np.bincount(codes, minlength=items).astype(float)
    total = float(size.sum())
    if items < 3 or total <= items:
        return None
    raw = np.bincount(codes, weights=differences, minlength=items) / size
    within = float(((differences - raw[codes]) ** 2).sum() / (total - items))
    between = float((size * (raw - differences.mean()) ** 2).sum() / (items - 1))
    spread = (total - float((size**2).sum()) / total) / (items - 1)
    tau2 = max(0.0, (between - within) / spread)
    p = f_tail(between / within, items - 1, total - items) if within > 0 else 0.0 if between > 0 else 1.0
    if within == 0:
        return Shrunk(float(raw.mean()), raw, raw, raw, raw, tau2**0.5, 0.0, p)
    effect, error, common = _averaged(raw, within / size)
    reach = normal_quantile((1 + LEVEL) / 2) * error
    return Shrunk(common, raw, effect, effect - reach, effect + reach, tau2**0.5, within**0.5, p)


def _averaged(raw: Array, noise: Array) -> tuple[Array, Array, float]:
    """Mean and standard deviation of each item's effect, and the common effect, over what tau may be."""
    taus = np.linspace(0, 3 * float(raw.std()) + 1e-9, GRID)[:, None]
    weights = 1 / (taus**2 + noise)
    total = weights.sum(axis=1, keepdims=True)
    common = (weights * raw).sum(axis=1, keepdims=True) / total
    logs = 0.5 * (np.log(weights) - weights * (raw - common) ** 2).sum(axis=1) - 0.5 * np.log(total[:, 0])
    chance = np.exp(logs - logs.max())
    chance /= chance.sum()
    kept = taus**2 * weights
    means = kept * raw + (1 - kept) * common
    variances = kept * noise + (1 - kept) ** 2 / total
    mean = chance @ means
    return mean, np.sqrt(chance @ (variances + (means - mean) ** 2)), float(chance @ common[:, 0])
