"""The ratio of sums and its linearisation (Cochran 1977, Sampling Techniques, ch. 6: the ratio estimate).

Invariant: to first order the error of a ratio is the sum of independent pulls, one per item, so every standard error
here is one over items, however the steps within them depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
TINY = 1e-12
UNEVEN = 0.75  # share of the items that must be left as effective ones for their weights to pass as even


def ratio(num: Array, den: Array, axis: int = -1) -> Array:
    """sum(num) / sum(den) along an axis; not-a-number where the denominator is 0."""
    top, bottom = np.sum(num, axis=axis), np.sum(den, axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(bottom != 0, top / np.where(bottom == 0, 1, bottom), np.nan)
    return result


def aligned(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(num, den) of two arms, as numbers, of the items on which one of them has a step."""
    (na, da), (nb, db) = ((np.asarray(x, float), np.asarray(y, float)) for x, y in (a, b))
    used = (da != 0) | (db != 0)
    return (na[used], da[used]), (nb[used], db[used])


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


def effective_clusters(dens: Sequence[Array], weights: Sequence[float] = (1.0,)) -> float | None:
    """The number of equally heavy items that would say as much; None where items weigh about alike.

    At least 2, so that Student's t stays finite where one item holds nearly all steps.

    Args:
        dens: the denominators of each ratio, shape (clusters,); weights: of the ratios, by default all alike.

    Source: Kish 1965, Survey Sampling, 8.2; as degrees of freedom of a cluster-robust variance, Carter, Schnepel and
    Steigerwald 2017, Review of Economics and Statistics 99(4).
    """
    sizes = weights if len(weights) == len(dens) else [1.0] * len(dens)
    shares: Array = np.sum([abs(w) * d / d.sum() for w, d in zip(sizes, dens, strict=True)], axis=0)
    effective = float(shares.sum() ** 2 / np.sum(shares**2))
    return max(effective, 2.0) if effective < UNEVEN * len(shares) else None


def uneven_error(parts: Sequence[tuple[float, Array, Array]]) -> float:
    """Standard error of a weighted sum of ratios whose items weigh unequally: each item left out in turn.

    A heavy item draws its ratio to itself, so that its own pull comes out too small; the jackknife takes that back.
    Where all items weigh the same it equals `standard_error`.

    Args:
        parts: (weight, num, den) of each ratio.

    Source: the estimator CV3 of MacKinnon, Nielsen and Webb 2023, Journal of Applied Econometrics 38(5), linearised.
    """
    left_out: Array = np.zeros_like(parts[0][1])
    for weight, num, den in parts:
        share = den / den.sum()
        left_out = left_out + weight * linearised(num, den) / np.where(share < 1, 1 - share, 1.0)
    c = len(left_out)
    error = float(np.sqrt((c - 1) / c * np.sum(left_out**2)))
    return error if error > TINY else 0.0
