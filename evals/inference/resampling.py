"""Resampling of items: the BCa interval of any statistic of them, and average ranks.

Written out with numpy because scipy is no part of the core; tests compare these with `scipy.stats.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...rng import named_rng
from .distributions import normal_cdf, normal_quantile
from .ratios import Array

RESAMPLES = 2000

Picked = np.ndarray[tuple[int, int], np.dtype[np.intp]]


def resampled(size: int, statistic: Callable[[Picked], Array], name: str, rows: int = RESAMPLES) -> Array:
    """The statistic of `RESAMPLES` resamples of items, shape (RESAMPLES,).

    Args:
        size: how many items there are.
        statistic: numbers of the items drawn, shape (draws, items) -> shape (draws,).
        name: names the resampling stream. rows: how many resamples are held at once.
    """
    rng = named_rng(0, "bootstrap", name)
    parts = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    with np.errstate(invalid="ignore", divide="ignore"):  # degenerate resamples are seen in the result
        return np.concatenate([statistic(rng.integers(0, size, (part, size))) for part in parts])


def bca_interval(values: Array, whole: float, without: Array, level: float) -> tuple[float, float]:
    """Bias-corrected and accelerated interval; not-a-number where it is not defined.

    Source: Efron 1987, JASA 82(397); Efron and Tibshirani 1993, eq. 14.10 to 14.15.

    Args:
        values: the statistic of the resamples, shape (resamples,). whole: of all items.
        without: of all items but one, shape (items,). level: of the interval.
    """
    near = 1e-12 * max(1.0, abs(whole))  # equal but for rounding: sums of the same rates in another order
    below = (np.count_nonzero(values < whole - near) + np.count_nonzero(values <= whole + near)) / (2 * len(values))
    bias, tail = normal_quantile(below), normal_quantile((1 - level) / 2)
    pulls = without.mean() - without
    with np.errstate(invalid="ignore", divide="ignore"):
        skew = (pulls**3).sum() / (6 * (pulls**2).sum() ** 1.5)
        ends = np.array([bias + tail, bias - tail])
        shares = normal_cdf(bias + ends / (1 - skew * ends))
    if not np.isfinite(shares).all() or np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.quantile(values, shares)
    return float(low), float(high)


def average_ranks(values: Array) -> Array:
    """Ranks from 1 along the last axis, of equal values their mean; shape as given.

    A table is compared with itself column by column: it may have many rows, and few columns.
    """
    if values.ndim == 1:
        _, level, count = np.unique(values, return_inverse=True, return_counts=True)
        return np.asarray((np.cumsum(count) - (count - 1) / 2)[level])
    one, other = values[..., :, None], values[..., None, :]
    return np.asarray(((other < one).sum(-1) + (other <= one).sum(-1) + 1) / 2)
