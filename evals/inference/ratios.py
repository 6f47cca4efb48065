"""The ratio of sums and its linearisation (Cochran 1977, Sampling Techniques, ch. 6: the ratio estimate).

Invariant: to first order the error of a ratio is the sum of independent pulls, one per item, so every standard error
here is one over items, however the steps within them depend on each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Array", "linearised", "ratio", "standard_error"]

Array = np.ndarray[Any, np.dtype[np.float64]]
TINY = 1e-12


def ratio(num: Array, den: Array, axis: int = -1) -> Array:
    """sum(num) / sum(den) along an axis; not-a-number where the denominator is 0."""
    top, bottom = np.sum(num, axis=axis), np.sum(den, axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(bottom != 0, top / np.where(bottom == 0, 1, bottom), np.nan)
    return result


def linearised(num: Array, den: Array) -> Array:
    """Per item, its pull on the ratio: (num - ratio * den) / sum(den). Shape (clusters,), sums to 0."""
    total = den.sum()
    result: Array = (num - ratio(num, den) * den) / total if total else np.zeros_like(num)
    return result


def standard_error(pulls: Array) -> float:
    """Cluster-robust standard error of a sum of pulls, with the small-sample factor C / (C - 1).

    Source: Liang and Zeger 1986, Biometrika 73(1); with an intercept alone, statsmodels' cov_type="cluster".
    """
    c = len(pulls)
    error = float(np.sqrt(c / (c - 1) * np.sum(pulls**2)))
    return error if error > TINY else 0.0
